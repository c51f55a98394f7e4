import { expect, test } from "vitest";
import { LazyMap, LazySet } from "../../../server/src/engine/lazy-map.ts";

test("a lazy map has what was put into it, and nothing before that or once it is cleared", () => {
  const map = new LazyMap<string, number>();
  const content = () => [map.size, [...map], [...map.keys()], [...map.values()], map.has("a"), map.get("a")];
  const nothing = [0, [], [], [], false, undefined];
  expect(content()).toEqual(nothing);
  expect(map.delete("a")).toBe(false);
  map.set("a", 1);
  map.set("b", 2);
  const entries = [
    ["a", 1],
    ["b", 2],
  ];
  expect(content()).toEqual([2, entries, ["a", "b"], [1, 2], true, 1]);
  expect(map.delete("b")).toBe(true);
  map.clear();
  expect(content()).toEqual(nothing);
});

test("a lazy set has what was put into it, and nothing before that or once it is cleared", () => {
  const set = new LazySet<string>();
  const content = () => [set.size, [...set], set.has("a")];
  expect(content()).toEqual([0, [], false]);
  expect(set.delete("a")).toBe(false);
  set.add("a");
  set.add("b");
  expect(content()).toEqual([2, ["a", "b"], true]);
  expect(set.delete("b")).toBe(true);
  set.clear();
  expect(content()).toEqual([0, [], false]);
});

test("what is put into a lazy set while it is walked over is reached, too", () => {
  const set = new LazySet<string>();
  set.add("a");
  const reached: string[] = [];
  for (const value of set) {
    reached.push(value);
    set.delete(value);
    if (value === "a") set.add("b");
  }
  expect(reached).toEqual(["a", "b"]);
});

test("walking over a lazy map or set ends when it is cleared", () => {
  const map = new LazyMap<string, number>();
  const set = new LazySet<string>();
  for (const key of ["a", "b"]) {
    map.set(key, 1);
    set.add(key);
  }
  const reached: string[] = [];
  for (const key of map.keys()) {
    reached.push(key);
    map.clear();
  }
  for (const value of set) {
    reached.push(value);
    set.clear();
  }
  expect(reached).toEqual(["a", "a"]);
});
