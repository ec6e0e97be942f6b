/** `npm run invite`: the way in for the first owner of a fresh installation, and for one who has locked themselves out. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { createDb, type Db, inAccess } from "#db/client.ts";
import { listWorkspaces } from "#db/queries/workspaces.ts";
import { type Role, roles } from "#src/domain/access/principal.ts";
import { AppError } from "#src/domain/errors.ts";
import { invite } from "#src/platform/access/invitations.ts";
import { recordAudit } from "#src/platform/audit.ts";

const HELP = `Invites somebody to a workspace, and prints the token that lets them in: once, within 7 days.

  npm run invite -- --email ana@example.ro --role owner [--workspace SLUG]

  --role ROLE        ${roles.join(", ")}
  --workspace SLUG   another one than "default"

DATABASE_URL says where the installation is; \`npm run dev\` shows that of the local stack.`;

/** Its sentence is for the user. */
class UsageError extends Error {}

interface InviteOptions {
  databaseUrl: string;
  email: string;
  role: Role;
  slug: string;
}

function readOptions(): InviteOptions | "help" {
  const values = parse();
  if (values.help) return "help";
  const email = z.string().trim().toLowerCase().pipe(z.email()).safeParse(values.email);
  if (!email.success) throw new UsageError("--email takes an e-mail address. See --help.");
  const role = z.enum(roles).safeParse(values.role);
  if (!role.success) throw new UsageError(`--role takes one of ${roles.join(", ")}.`);
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl)
    throw new UsageError("DATABASE_URL is not set: it says where the installation is. See --help.");
  return { databaseUrl, email: email.data, role: role.data, slug: values.workspace };
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        email: { type: "string" },
        role: { type: "string" },
        workspace: { type: "string", default: "default" },
        help: { type: "boolean" },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See --help.`);
  }
}

async function run(db: Db, { email, role, slug }: InviteOptions): Promise<string> {
  const [workspace] = await inAccess(db, (tx) => listWorkspaces(tx, { slug }, { afterId: null, limit: 1 }));
  if (!workspace) throw new UsageError(`There is no workspace ${slug}.`);
  const actor = { kind: "system", id: "invite" } as const;
  const by = { id: actor.id, workspaceId: workspace.id, role: "owner", scopes: null } as const;
  const invited = await invite({ db, now: () => new Date() }, by, { email, role }, (tx, entry) =>
    recordAudit(tx, { actor, ...entry }),
  );
  return invited.token;
}

try {
  const options = readOptions();
  if (options === "help") console.log(HELP);
  else {
    const db = createDb(options.databaseUrl, { max: 1 });
    try {
      const token = await run(db, options);
      console.log(`${options.email} may become ${options.role} of ${options.slug} within 7 days, with

  curl -X POST http://127.0.0.1:3000/api/v1/auth/accept-invitation -H 'Content-Type: application/json' \\
    -d '{"token": "${token}", "name": "…", "password": "…"}'`);
    } finally {
      await db.$client.end();
    }
  }
} catch (error) {
  const expected = error instanceof UsageError || error instanceof AppError;
  console.error(expected ? error.message : error);
  process.exitCode = 2;
}
