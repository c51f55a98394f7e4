import { testBadInputs } from "./bad-input-tests.ts";
import { STRUCTURE } from "./structure.ts";

testBadInputs(STRUCTURE);
