import { testBadInputs } from "./bad-input-tests.ts";
import { CONTENT } from "./content.ts";

testBadInputs(CONTENT);
