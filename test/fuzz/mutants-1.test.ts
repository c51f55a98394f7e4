import { testCases } from "./mutants.ts";

testCases(0, 50_000);
