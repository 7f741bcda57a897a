"""An SVG of memory against tokens, from the lines that `MemoryBenchmark measure --record` writes.

Run: python plot.py record.jsonl MODEL plot.svg        needs only Python

Lines are planned tensors (everything but weights, data and the process), one for each policy; circles are measured peaks less what
is not tensors.
"""

import json
import sys

COLOURS = {"none": "#9b2226", "products": "#ca6702", "block": "#2a6f97", "bf16": "#6a994e", "disk": "#6c584c"}
LEFT, TOP, WIDTH, HEIGHT = 70, 20, 520, 300


def main(record, model, output):
    with open(record, encoding="utf-8") as file:
        found = [finding for finding in map(json.loads, file) if finding["model"] == model]
    if not found:
        sys.exit(f"{record} has nothing of {model}")
    most_tokens = max(finding["tokens"] for finding in found)
    most_bytes = max(finding["tensors"] for finding in found)
    x = lambda tokens: LEFT + WIDTH * tokens / most_tokens
    y = lambda count: TOP + HEIGHT * (1 - count / most_bytes)
    parts = [f'<path d="M{LEFT} {TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}" fill="none" stroke="black"/>']
    for tokens in sorted({finding["tokens"] for finding in found}):
        parts.append(f'<text x="{x(tokens):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{tokens}</text>')
    for part in range(1, 5):
        count = most_bytes * part / 4
        parts.append(f'<text x="{LEFT - 6}" y="{y(count) + 4:.1f}" text-anchor="end">{count / 1e6:.0f}</text>')
        parts.append(f'<path d="M{LEFT} {y(count):.1f}h{WIDTH}" stroke="#dddddd"/>')
    parts.append(f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 38}" text-anchor="middle">tokens of a row ({model})</text>')
    parts.append(f'<text x="6" y="14">MB of tensors</text>')
    for number, (policy, colour) in enumerate(COLOURS.items()):
        points = sorted({finding["tokens"]: finding for finding in found if finding["policy"] == policy}.items())
        if not points:
            continue
        line = " ".join(f"{x(tokens):.1f},{y(finding['tensors']):.1f}" for tokens, finding in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for tokens, finding in points:
            if finding.get("measured"):
                rest = finding["measured"] - finding["weights"] - finding["other"]
                parts.append(f'<circle cx="{x(tokens):.1f}" cy="{y(rest):.1f}" r="4" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{LEFT + 20}" y="{TOP + 18 + 18 * number}" fill="{colour}">{policy}</text>')
    size = f'width="{LEFT + WIDTH + 30}" height="{TOP + HEIGHT + 50}"'
    with open(output, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n')
        file.write('<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
