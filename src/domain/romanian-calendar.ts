/** Days as Romania counts them: what business rules mean by "today". Daylight saving included. */

const calendarDay = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Bucharest", dateStyle: "short" });

/** ISO 8601 date of Romania's calendar at that instant. */
export const dayInRomania = (instant: Date): string => calendarDay.format(instant);

const DAY_MS = 86_400_000;

/** The instant at which Romania's next day begins. */
export function nextMidnightInRomania(instant: Date): Date {
  const today = dayInRomania(instant);
  const tomorrow = new Date(Date.parse(`${today}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
  // Clocks change at 3 and 4 in the morning, so midnight exists, in winter's time or summer's.
  const [summer, winter] = ["+03:00", "+02:00"].map((offset) => new Date(`${tomorrow}T00:00:00${offset}`));
  const isMidnight = summer && dayInRomania(summer) === tomorrow;
  return (isMidnight ? summer : winter) as Date;
}
