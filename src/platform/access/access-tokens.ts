/**
 * Access tokens: JWTs of 15 minutes, signed with HMAC-SHA-256 under a key that the vault derives. What they say is
 * checked against session and membership with every request, so that an end of either holds at once.
 */
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { roles } from "#src/domain/access/principal.ts";
import type { Vault } from "../vault.ts";

export const ACCESS_TOKEN_SECONDS = 900;

/** What the clocks of replicas may differ by. */
const SKEW_SECONDS = 5;

const ALGORITHM = "HS256";
const ISSUER = "cerniq";
const AUDIENCE = "cerniq-api";
/** RFC 9068: no other JWT of ours can be taken for one. */
const TYPE = "at+jwt";

const claimsSchema = z.object({
  sub: z.uuid(),
  sid: z.uuid(),
  workspace: z.uuid(),
  role: z.enum(roles),
});
/** `sub`: the user; `sid`: the session. The role is for the client to know: what holds is the membership's. */
export type AccessClaims = z.infer<typeof claimsSchema>;

type Keys = Pick<Vault, "derive">;

const keysOf = (vault: Keys) => vault.derive("access-token");

export function issueAccessToken(vault: Keys, { sub, ...claims }: AccessClaims, now: Date): Promise<string> {
  const [current] = keysOf(vault);
  if (!current) throw new Error("There is no key to sign with.");
  const issuedAt = Math.floor(now.getTime() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, kid: current.id, typ: TYPE })
    .setSubject(sub)
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ACCESS_TOKEN_SECONDS)
    .sign(current.key);
}

/** What a token says that we have signed and that has not expired; null for any other. */
export async function readAccessToken(vault: Keys, token: string, now: Date): Promise<AccessClaims | null> {
  try {
    const keys = keysOf(vault);
    const keyOf = ({ kid }: JWTHeaderParameters) => {
      const found = keys.find(({ id }) => id === kid);
      if (!found) throw new errors.JWKSNoMatchingKey();
      return found.key;
    };
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      typ: TYPE,
      requiredClaims: ["iat", "exp"],
      maxTokenAge: ACCESS_TOKEN_SECONDS,
      clockTolerance: SKEW_SECONDS,
      currentDate: now,
    });
    return claimsSchema.parse(payload);
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof z.ZodError) return null;
    throw error;
  }
}
