/**
 * Keeps the page's own files, so that it opens without a network. It knows nothing of documents: those are kept by
 * the client. The build puts the list of files, and a version that changes with any of them, in front of this file.
 *
 * Online, an address of the page is asked of the server, so that nobody works with an old page for longer than one
 * visit. The files that it names have a hash of their content in their names, and come from here.
 */

// A file without imports would share its scope with the library, which says that any worker is meant.
export {};

declare const self: ServiceWorkerGlobalScope;
/** Paths of all files of the page; the first is the page itself. */
declare const PAGE_FILES: readonly [string, ...string[]];
declare const PAGE_VERSION: string;

const CACHE_PREFIX = "joinery-page-";
const CACHE = CACHE_PREFIX + PAGE_VERSION;
/** A window that was opened with the version before may still load files of that one. */
const KEPT_VERSIONS = 2;
/** A network that has not answered by then is treated as none. */
const PATIENCE_MS = 3000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (isPage(url.pathname)) event.respondWith(openPage(request));
  } else if (url.pathname.startsWith("/assets/") || PAGE_FILES.includes(url.pathname)) {
    event.respondWith(openFile(request));
  }
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  // Fails as a whole: a page of which a file is missing does not replace one that works.
  await cache.addAll(PAGE_FILES.map((path) => new Request(path, { cache: "no-cache" })));
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  // From the oldest to the newest.
  const versions = (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE);
  const outdated = versions.slice(0, Math.max(0, versions.length - KEPT_VERSIONS + 1));
  await Promise.all(outdated.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** Addresses at which the server gives the page: the document's name is for the page to read. */
function isPage(path: string): boolean {
  return path === "/" || path === "/d" || path.startsWith("/d/");
}

async function openPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    // A proxy answers for a server that is down.
    if (response.status < 500) return response;
    return (await keptFile(PAGE_FILES[0])) ?? response;
  } catch (error) {
    const kept = await keptFile(PAGE_FILES[0]);
    if (kept === undefined) throw error;
    return kept;
  }
}

async function openFile(request: Request): Promise<Response> {
  return (await keptFile(request)) ?? (await caches.match(request)) ?? (await fetch(request));
}

async function keptFile(file: Request | string): Promise<Response | undefined> {
  const cache = await caches.open(CACHE);
  return await cache.match(file);
}
