import { testCases } from "./mutants.ts";

testCases(50_000, 100_000);
