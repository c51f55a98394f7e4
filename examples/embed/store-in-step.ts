import { JoineryClient } from "@joinery/client";
import { type Shape, store } from "./store.ts"; // Yours: tldraw's store has these methods.

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });
const board = joinery.open("board");
await board.whenLoaded();
const shared = board.doc.getMap<Shape>("shapes");

store.listen(
  ({ changes: { added, updated, removed } }) =>
    board.doc.transact(() => {
      for (const shape of Object.values(added)) shared.set(shape.id, shape);
      for (const [, shape] of Object.values(updated)) shared.set(shape.id, shape);
      for (const id of Object.keys(removed)) shared.delete(id);
    }, store),
  { source: "user" },
);
const show = (id: string) => {
  const shape = shared.get(id);
  return shape ? store.put([shape]) : store.remove([id]);
};
shared.observe(({ keysChanged, transaction }) => {
  if (transaction.origin !== store) store.mergeRemoteChanges(() => keysChanged.forEach(show));
});
store.mergeRemoteChanges(() => store.put([...shared.values()]));
