export { type CloseExplanation, explainClose } from "./close-policy.ts";
