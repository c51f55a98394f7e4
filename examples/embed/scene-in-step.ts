import { JoineryClient } from "@joinery/client";
import { type Element, scene } from "./scene.ts"; // Yours: Excalidraw's API has these methods.

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });
const sketch = joinery.open("sketch");
await sketch.whenLoaded();
const shared = sketch.doc.getMap<Element>("elements");

const isNewer = ({ id, version }: Element) => version > (shared.get(id)?.version ?? 0);
scene.onChange((elements) => {
  sketch.doc.transact(() => {
    for (const element of elements.filter(isNewer)) shared.set(element.id, element);
  }, scene);
});
const show = () => scene.updateScene({ elements: [...shared.values()] });
shared.observe(({ transaction }) => transaction.origin !== scene && show());
show();
