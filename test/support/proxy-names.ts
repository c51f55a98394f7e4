/**
 * Lets clients of this process, which take no options, find a proxy by its name and believe its certificate: what a
 * system has in its hosts file and its store of certificates.
 */

import dns from "node:dns";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

type Lookup = (name: string, options: { readonly all?: boolean }, done: LookupDone) => void;
type LookupDone = (error: Error | null, address: unknown, family?: number) => void;

/**
 * @param name Stands for 127.0.0.1 from now on.
 * @returns Undoes it.
 */
export function believe(name: string, certificate: string): () => void {
  const { lookup } = dns;
  const authorities = getCACertificates("default");
  const find: Lookup = (asked, options, done) => {
    if (asked !== name) (lookup as Lookup)(asked, options, done);
    else if (options.all) done(null, [{ address: "127.0.0.1", family: 4 }]);
    else done(null, "127.0.0.1", 4);
  };
  // reason: the overloads are for callers; Node's sockets call it in this way alone.
  dns.lookup = find as unknown as typeof dns.lookup;
  setDefaultCACertificates([...authorities, certificate]);
  return () => {
    dns.lookup = lookup;
    setDefaultCACertificates(authorities);
  };
}
