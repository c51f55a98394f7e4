import { testBadInputs } from "./bad-input-tests.ts";
import { IDENTITY } from "./identity.ts";

testBadInputs(IDENTITY);
