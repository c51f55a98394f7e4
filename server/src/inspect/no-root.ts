import { JoineryError } from "@joinery/shared";

/** A document may have thousands of roots. */
const MAX_NAMES_LENGTH = 500;

/** INVALID_OPTION (never) for a root that is not there, with those that are, as far as they can be read. */
export function noRoot(name: string, names: Iterable<string>): JoineryError {
  let all = "";
  for (const known of names) {
    const more = `${all === "" ? "" : ", "}${JSON.stringify(known)}`;
    if (all.length + more.length > MAX_NAMES_LENGTH) {
      all = `${all}${all === "" ? "" : ", "}…`;
      break;
    }
    all += more;
  }
  const there = all === "" ? "it has none" : `it has ${all}`;
  return new JoineryError("INVALID_OPTION", `there is no root ${JSON.stringify(name)}: ${there}`);
}
