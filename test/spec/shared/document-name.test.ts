import { JoineryError, parseDocumentName } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

describe("a document's name", () => {
  test.each([
    ["one letter", "a"],
    ["a path", "team/2026/notes.md"],
    ["only slashes and dots", "/../."],
    ["spaces", " a b "],
    ["an emoji of several code points", "👩‍👩‍👧‍👦"],
    ["right-to-left text", "אבג مرحبا"],
    ["text of both directions, without a mark", "abc אבג"],
    ["accents as one character", "caf\u00e9"],
    ["accents that no one character has", "x\u0301"],
    ["Hangul as syllables", "\ud55c\uae00"],
    ["a joiner between letters", "\u0646\u200c\u0645"],
    ["a no-break space", "\u00a0"],
    ["what objects have already", "__proto__"],
    ["percent signs and question marks", "100%?#&"],
    ["the last character before DEL", "~"],
    ["the last code point", "\u{10ffff}"],
  ])("may be %s", (_, name) => {
    expect(parseDocumentName(name)).toBe(name);
  });

  test.each([
    ["empty", "", /is empty/],
    ["one that URLs resolve away", ".", /no URL can say/],
    ["the other one", "..", /no URL can say/],
    ["half a surrogate pair", "a\ud83c", /not valid Unicode/],
    ["the other half of one", "\udf88b", /not valid Unicode/],
    ["surrogates in the wrong order", "\udf88\ud83c", /not valid Unicode/],
    ["accents as two characters", "cafe\u0301", /normalisation form C/],
    ["Hangul as letters", "\u1112\u1161\u11ab", /normalisation form C/],
    ["a character that stands for another", "\u212b", /normalisation form C/],
    ["marks in another order", "a\u0301\u0323", /normalisation form C/],
    ["text that is turned around", "\u202egpj.exe", /change the direction/],
  ])("may not be %s", (_, name, reason) => {
    expect(() => parseDocumentName(name)).toThrow(JoineryError);
    expect(() => parseDocumentName(name)).toThrow(
      expect.objectContaining({ code: "INVALID_NAME", message: expect.stringMatching(reason) }),
    );
  });

  test("may have no control character, wherever it stands; these are all", () => {
    const refused = new Map<string, number[]>();
    for (let code = 0; code < 0xd800; code++) {
      try {
        parseDocumentName(`a${String.fromCharCode(code)}b`);
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_NAME" });
        const { message } = error as JoineryError;
        refused.set(message, [...(refused.get(message) ?? []), code]);
      }
    }
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
    expect(refused.get("document name has control characters")).toEqual([
      ...range(0, 0x1f),
      ...range(0x7f, 0x9f),
      0x2028,
      0x2029,
    ]);
    expect(refused.get("document name has characters that change the direction of text")).toEqual([
      0x061c,
      0x200e,
      0x200f,
      ...range(0x202a, 0x202e),
      ...range(0x2066, 0x2069),
    ]);
    // The rest are characters that Unicode has only because something else had them.
    refused.delete("document name has control characters");
    refused.delete("document name has characters that change the direction of text");
    expect([...refused.keys()]).toEqual(["document name is not in Unicode normalisation form C (NFC)"]);
  });

  test.each([
    ["one byte", "a", 512],
    ["two bytes", "é", 256],
    ["three bytes", "漢", 170],
    ["four bytes", "🎈", 128],
  ])("is limited in bytes, not in characters: of those with %s", (_, character, most) => {
    expect(parseDocumentName(character.repeat(most))).toHaveLength(character.length * most);
    expect(() => parseDocumentName(character.repeat(most + 1))).toThrow(
      "document name is longer than 512 bytes",
    );
  });

  test("has the limit that it is given", () => {
    expect(parseDocumentName("éé", 4)).toBe("éé");
    expect(() => parseDocumentName("éé", 3)).toThrow("document name is longer than 3 bytes");
    expect(() => parseDocumentName("x".repeat(1_000_000), 3)).toThrow("document name is longer than 3 bytes");
  });

  test("is accepted as it is or refused as INVALID_NAME, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 20 }), (name, maxBytes) => {
        let accepted: string;
        try {
          accepted = parseDocumentName(name, maxBytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_NAME" });
          return;
        }
        expect(accepted).toBe(name);
        expect(utf8Length(name)).toBeLessThanOrEqual(maxBytes);
        expect(name).not.toBe("");
        expect(name.normalize("NFC")).toBe(name);
      }),
    );
  });
});
