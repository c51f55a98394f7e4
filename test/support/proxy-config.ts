/** The configurations in docs/proxy.md, changed as little as a test needs: names of files, ports, and one timeout. */

import { readFileSync } from "node:fs";

const PAGE = new URL("../../docs/proxy.md", import.meta.url);

/** The name under which the configurations serve. */
export const PROXY_HOST = "sync.example.com";

/** What a test has instead of what the page names. */
export interface ProxyPlace {
  /** Absolute, and without a blank. */
  readonly folder: string;
  /** With TLS. */
  readonly port: number;
  readonly plainPort: number;
  readonly serverPort: number;
  /** Instead of 60 s. */
  readonly timeout: string;
}

/** The files of a {@link ProxyPlace}, relative to its folder. */
export const CERTIFICATE = "certificate.pem";
export const KEY = "key.pem";
/** Where nginx writes; Caddy writes to standard error. */
export const NGINX_LOGS = ["access.log", "error.log"] as const;

/** The whole configuration for nginx: the file of the page, and around it what else a system brings. */
export function nginxConfig(place: ProxyPlace): string {
  const { folder, port, plainPort, serverPort, timeout } = place;
  const [accessLog, errorLog] = NGINX_LOGS;
  const site = changed(readProxyConfig("nginx"), [
    ["listen 80;", `listen 127.0.0.1:${plainPort};`, 1],
    ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`, 2],
    ["server 127.0.0.1:4321;", `server 127.0.0.1:${serverPort};`, 1],
    ["/etc/letsencrypt/live/sync.example.com/fullchain.pem", `${folder}/${CERTIFICATE}`, 1],
    ["/etc/letsencrypt/live/sync.example.com/privkey.pem", `${folder}/${KEY}`, 1],
    ["/var/log/nginx/joinery.log", `${folder}/${accessLog}`, 1],
    ["/var/log/nginx/joinery-error.log", `${folder}/${errorLog}`, 1],
    ["60s;", `${timeout};`, 2],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // One process, so that nothing of it can outlive the one that is known by its id.
  return [
    "daemon off;",
    "master_process off;",
    `pid ${folder}/nginx.pid;`,
    "error_log stderr error;",
    "events { worker_connections 256; }",
    "http {",
    ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
    site,
    "}",
    "",
  ].join("\n");
}

/** The whole configuration for Caddy, with a certificate of its own, which keeps it from asking anybody for one. */
export function caddyConfig(place: ProxyPlace): string {
  const { folder, port, plainPort, serverPort, timeout } = place;
  const tls = changed(readProxyConfig("caddy-tls"), [
    ["/etc/ssl/sync.example.com/fullchain.pem", `${folder}/${CERTIFICATE}`, 1],
    ["/etc/ssl/sync.example.com/privkey.pem", `${folder}/${KEY}`, 1],
  ]);
  const global = [
    "admin off",
    "skip_install_trust",
    `storage file_system ${folder}/storage`,
    "default_bind 127.0.0.1",
    `http_port ${plainPort}`,
    `https_port ${port}`,
  ];
  return changed(readProxyConfig("caddy"), [
    ["\n{\n", `\n{\n${global.map((line) => `\t${line}\n`).join("")}`, 1],
    [`\n${PROXY_HOST} {\n`, `\n${PROXY_HOST} {\n${tls}`, 1],
    ["reverse_proxy 127.0.0.1:4321 ", `reverse_proxy 127.0.0.1:${serverPort} `, 1],
    ["timeout 60s\n", `timeout ${timeout}\n`, 2],
  ]);
}

/** A block of the page, under the comment that names it. */
function readProxyConfig(name: string): string {
  const page = readFileSync(PAGE, "utf8");
  const block = new RegExp(`^<!-- config: ${name} -->\\n\`\`\`\\w+\\n(.*?)^\`\`\`$`, "ms").exec(page)?.[1];
  if (block === undefined) throw new Error(`docs/proxy.md has no configuration ${name}`);
  return block;
}

/** Replaces each text, which must be there so many times: else the page says something else than is tested. */
function changed(config: string, changes: readonly (readonly [string, string, number])[]): string {
  let text = config;
  for (const [from, to, times] of changes) {
    const parts = text.split(from);
    if (parts.length !== times + 1) {
      throw new Error(`docs/proxy.md has ${JSON.stringify(from)} ${parts.length - 1} times, not ${times}`);
    }
    text = parts.join(to);
  }
  return text;
}
