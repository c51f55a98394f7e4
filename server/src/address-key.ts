import { isIPv4, isIPv6 } from "node:net";

/**
 * What clients are told apart by: an IPv4 address, or the first 64 bits of an IPv6 address, because whoever has one of
 * those has all that share them. IPv4 written as IPv6 is IPv4.
 *
 * @param address As sockets give it; anything else, such as the empty text of a Unix socket, stands for itself.
 */
export function addressKey(address: string): string {
  if (isIPv4(address) || !isIPv6(address)) return address;
  const [plain = ""] = address.split("%", 1); // The rest names an interface.
  const embedded = /^::ffff:([\d.]+)$/i.exec(plain)?.[1];
  if (embedded !== undefined) return embedded;
  // Canonical: eight groups without leading zeros, dotted ends and capitals gone, one run of zeros as `::`.
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [front = "", back] = canonical.split("::");
  const [first, last] = [front, back ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const zeros = back === undefined ? 0 : 8 - (first?.length ?? 0) - (last?.length ?? 0);
  const groups = [...(first ?? []), ...new Array<string>(zeros).fill("0"), ...(last ?? [])];
  if (groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff") return ipv4Of(groups);
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** The last 32 bits, dotted. */
function ipv4Of(groups: readonly string[]): string {
  const [high, low] = groups.slice(6).map((group) => Number.parseInt(group, 16)) as [number, number];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}
