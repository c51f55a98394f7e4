/** What may happen in a world. Each step does one thing and says it in a sentence; `null` when it could not. */

import * as Y from "yjs";
import type { Connection } from "./connection.ts";
import type { Person } from "./person.ts";
import { Stranger } from "./stranger.ts";
import type { World } from "./world.ts";

type Sentence = string | null;
export interface Step {
  readonly weight: number;
  readonly run: (world: World) => Sentence | Promise<Sentence>;
}

export const STEPS: readonly Step[] = [
  { weight: 14, run: type },
  { weight: 6, run: erase },
  { weight: 2, run: makeBold },
  { weight: 4, run: setValue },
  { weight: 4, run: changeList },
  { weight: 3, run: move },
  { weight: 1, run: hide },
  { weight: 10, run: goOnline },
  { weight: 3, run: goOffline },
  { weight: 2, run: dieHalfOpen },
  { weight: 2, run: noticeLosses },
  { weight: 16, run: serverReads },
  { weight: 14, run: clientsRead },
  { weight: 1, run: reload },
  { weight: 4, run: stall },
  { weight: 2, run: readAgain },
  { weight: 7, run: storageWrites },
  { weight: 4, run: storageLoads },
  { weight: 1, run: storageBreaks },
  { weight: 3, run: storageComesBack },
  { weight: 7, run: timePasses },
  { weight: 5, run: turnPasses },
  { weight: 1, run: longTimePasses },
  { weight: 0.5, run: strangerComes },
  { weight: 1, run: visitorWrites },
];

// Edits, online or offline.

function type(world: World): Sentence {
  const { name, text } = somebody(world);
  const at = world.random.upTo(text.length);
  // What is pasted fills buffers.
  const word = world.random.word().repeat(world.random.chance(0.2) ? 60 : 1);
  text.insert(at, word);
  return `${name} types "${word}" at ${at}`;
}

function erase(world: World): Sentence {
  const { name, text } = somebody(world);
  const at = world.random.upTo(text.length);
  const length = Math.min(text.length - at, 1 + world.random.upTo(5));
  if (length === 0) return null;
  text.delete(at, length);
  return `${name} erases ${length} at ${at}`;
}

function makeBold(world: World): Sentence {
  const { name, text } = somebody(world);
  const at = world.random.upTo(text.length);
  const length = Math.min(text.length - at, 3);
  if (length === 0) return null;
  text.format(at, length, { bold: world.random.chance(0.5) ? true : null });
  return `${name} formats ${length} at ${at}`;
}

function setValue(world: World): Sentence {
  const { name, doc } = somebody(world);
  const map = doc.getMap("map");
  const key = world.random.pick(["a", "b"]);
  if (world.random.chance(0.3)) map.delete(key);
  else map.set(key, world.random.chance(0.5) ? world.random.upTo(99) : new Y.Map([["nested", 1]]));
  return `${name} sets "${key}" to ${JSON.stringify(map.get(key))}`;
}

function changeList(world: World): Sentence {
  const { name, doc } = somebody(world);
  const list = doc.getArray("list");
  const at = world.random.upTo(list.length);
  if (at < list.length && world.random.chance(0.4)) {
    list.delete(at);
    return `${name} removes item ${at}`;
  }
  list.insert(at, world.random.chance(0.5) ? [1, { two: 2 }] : [new Y.Text("nested")]);
  return `${name} inserts items at ${at}`;
}

// Presence

function move(world: World): Sentence {
  const person = somebody(world);
  person.move();
  return `${person.name} moves`;
}

function hide(world: World): Sentence {
  const person = somebody(world);
  person.hide();
  return `${person.name} hides`;
}

// Connections

function goOnline(world: World): Sentence {
  const person = somebody(world);
  if (person.connection) return null;
  world.bringOnline(person);
  return `${person.name} goes online`;
}

function goOffline(world: World): Sentence {
  return withConnection(world, (connection) => {
    connection.breakOff();
    return `${connection.client.name} goes offline`;
  });
}

function dieHalfOpen(world: World): Sentence {
  return withConnection(world, (connection) => {
    connection.loseClient();
    return `${connection.client.name}'s connection dies and the server does not know`;
  });
}

function noticeLosses(world: World): Sentence {
  const lost = world.openConnections.filter(({ isHalfOpen }) => isHalfOpen);
  for (const connection of lost) connection.breakOff();
  return lost.length === 0 ? null : `the server notices that ${namesOf(lost)} went`;
}

function stall(world: World): Sentence {
  return withConnection(world, (connection) => {
    connection.stall();
    return `${connection.client.name} stops reading`;
  });
}

function readAgain(world: World): Sentence {
  return withConnection(world, (connection) => {
    connection.readAgain();
    return `${connection.client.name} reads again`;
  });
}

/** Somebody comes back with nothing, as another Yjs client. */
function reload(world: World): Sentence {
  const person = somebody(world);
  world.replace(person);
  return `${person.name} reloads the page`;
}

function serverReads(world: World): Sentence {
  const some = world.openConnections.filter(() => world.random.chance(0.6));
  for (const connection of some) connection.deliverToServer(1 + world.random.upTo(3));
  return some.length === 0 ? null : `the server reads from ${namesOf(some)}`;
}

function clientsRead(world: World): Sentence {
  const some = world.openConnections.filter(() => world.random.chance(0.6));
  for (const connection of some) connection.deliverToClient(1 + world.random.upTo(3));
  return some.length === 0 ? null : `${namesOf(some)} read`;
}

// Storage

async function storageWrites(world: World): Promise<Sentence> {
  const count = 1 + world.random.upTo(2);
  await world.storage.write(count);
  await world.settle();
  return `the storage does ${count} of its writes`;
}

async function storageLoads(world: World): Promise<Sentence> {
  await world.storage.answerLoads();
  await world.settle();
  return "the storage answers all loads";
}

async function storageBreaks(world: World): Promise<Sentence> {
  const happened = world.random.upTo(2);
  await world.breakStorage(happened);
  await world.settle();
  return `the storage breaks down; at most ${happened} writes have happened`;
}

async function storageComesBack(world: World): Promise<Sentence> {
  await world.settle();
  world.storage.comeBack();
  return "the storage is there";
}

// Time

async function timePasses(world: World): Promise<Sentence> {
  const ms = world.random.upTo(20);
  world.clock.advance(ms);
  await world.settle();
  return `${ms} ms pass`;
}

/** What takes several of them is not over. */
async function turnPasses(world: World): Promise<Sentence> {
  world.clock.nextTurn();
  await world.settle();
  return "a turn passes";
}

/** Enough for rooms to be evicted and for those who do not read to be sent away. */
async function longTimePasses(world: World): Promise<Sentence> {
  world.clock.advance(6000);
  await world.settle();
  return "6 s pass";
}

// Strangers

function strangerComes(world: World): Sentence {
  const stranger = new Stranger();
  const { doc, document } = somebody(world);
  world.strangers.push(stranger);
  const connection = world.connect(stranger, document, "");
  return stranger.sendNonsense(connection, Y.encodeStateAsUpdate(doc), world.random);
}

function visitorWrites(world: World): Sentence {
  const { document } = somebody(world);
  const word = world.random.word();
  world.letVisitorWrite(document, word);
  return `somebody without a socket writes "${word}" to ${document}`;
}

function somebody({ random, people }: World): Person {
  return random.pick(people);
}

function withConnection(world: World, act: (connection: Connection) => string): Sentence {
  const { connection } = somebody(world);
  return connection && act(connection);
}

function namesOf(connections: readonly Connection[]): string {
  return connections.map(({ client }) => client.name).join(", ");
}
