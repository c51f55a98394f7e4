/**
 * A Markdown table whose columns line up in a terminal, too.
 *
 * @param options.numbers Whether all columns but the first are numbers, and stand to the right. Default: true.
 */
export function markdownTable(
  rows: readonly (readonly string[])[],
  { numbers = true }: { readonly numbers?: boolean } = {},
): string[] {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(3, ...cells.map((row) => (row[column] ?? "").length)),
  );
  const isNumber = (column: number) => numbers && column > 0;
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const pad = (row: readonly string[]) =>
    line(
      widths.map((width, i) => (isNumber(i) ? (row[i] ?? "").padStart(width) : (row[i] ?? "").padEnd(width))),
    );
  const rule = line(
    widths.map((width, i) => (isNumber(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))),
  );
  const [header, ...body] = cells;
  return header === undefined ? [] : [pad(header), rule, ...body.map(pad)];
}
