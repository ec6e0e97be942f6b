/** `npm run vault:rotate`: seals all secrets under the first of SECRET_KEYS, and says what is left under which. */
import { createDb } from "#db/client.ts";
import { rotationConfigFromProcess } from "#src/config.ts";
import { rotateSecrets } from "#src/platform/rotation.ts";
import { createVault } from "#src/platform/vault.ts";

const config = rotationConfigFromProcess();
const db = createDb(config.DATABASE_URL, { max: 1 });
try {
  const vault = createVault(config.SECRET_KEYS);
  const { resealed, unreadable, left } = await rotateSecrets(db, vault);
  console.log(`Sealed anew under ${vault.currentKeyId}: ${resealed}.`);
  for (const { id } of config.SECRET_KEYS) console.log(`Under ${id}: ${left.get(id) ?? 0}.`);
  const unused = config.SECRET_KEYS.filter(({ id }) => id !== vault.currentKeyId && !left.get(id));
  if (unused.length > 0) console.log(`May be dropped: ${unused.map(({ id }) => id).join(", ")}.`);
  for (const value of unreadable) console.error(`Does not open with SECRET_KEYS: ${value}`);
  if (unreadable.length > 0) process.exitCode = 1;
} finally {
  await db.$client.end();
}
