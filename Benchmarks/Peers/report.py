"""A Markdown table and an SVG plot of what compare.py measured.

Run: python report.py results.json [--plot results.svg]         prints the table; needs only Python
"""

import argparse
import json
import statistics
from pathlib import Path

MEASURES = [("train", "train", "training"), ("train-off", "train", "training, no recomputation"),
            ("train-bf16", "train", "training in bf16"), ("train-off-bf16", "train", "in bf16, no recomputation"),
            ("forward", "prompt", "reading a prompt"), ("forward", "generate", "generating"),
            ("forward-gguf", "prompt", "a prompt, the same file"), ("forward-gguf", "generate", "generating, the same file")]


def summary(result):
    """[(title, [(system, tokens/s, peak MB, seconds to first step, runs)])], qpeft first."""
    sections = []
    for work, key, title in MEASURES:
        systems = {}
        for run in result["runs"]:
            if run["work"] == work and key in run:
                systems.setdefault(run["system"], []).append(run)
        if systems:
            middle = lambda runs, name: statistics.median(run[name] for run in runs)
            sections.append((title, [
                (name, middle(runs, key), middle(runs, "peak_bytes") / 1e6, middle(runs, "seconds_to_first_step"), len(runs))
                for name, runs in sorted(systems.items(), key=lambda item: item[0] != "qpeft")]))
    return sections


def table(result, sections):
    sgemm = [run["sgemm_gflops"] for run in result["runs"]]
    tokens = sorted({run["tokens"] for run in result["runs"]})
    versions = {name: version for run in result["runs"] for name, version in run["versions"].items()}
    lines = [f"{result['processor']}, {result['cores']} cores; {', '.join(map(str, tokens))} tokens; sgemm "
             f"{statistics.median(sgemm):.0f} GFLOP/s ({min(sgemm):.0f} to {max(sgemm):.0f}) beside the runs",
             ", ".join(f"{name} {version}" for name, version in sorted(versions.items())), "",
             "| work | system | tokens/s | qpeft is | peak MB | seconds to first step | runs |",
             "|---|---|---:|---:|---:|---:|---:|"]
    for title, systems in sections:
        ours = next((speed for name, speed, *_ in systems if name == "qpeft"), None)
        for name, speed, peak, first, runs in systems:
            ratio = f"{ours / speed:.2f} x" if ours else ""
            lines.append(f"| {title} | {name} | {speed:.1f} | {ratio} | {peak:.0f} | {first:.1f} | {runs} |")
    return "\n".join(lines)


def plot(sections):
    """Bars of tokens/s, each section on its own scale."""
    left, width, bar, gap = 190, 420, 18, 14
    parts, y = [], 10
    for title, systems in sections:
        y += 16
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{title}, tokens/s</text>')
        most = max(speed for _, speed, *_ in systems)
        for name, speed, *_ in systems:
            y += bar + 4
            colour = "#2a6f97" if name == "qpeft" else "#a9a9a9"
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{name}</text>')
            parts.append(f'<rect x="{left}" y="{y - bar + 5}" width="{width * speed / most:.1f}" height="{bar - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{left + width * speed / most + 6:.1f}" y="{y}">{speed:.1f}</text>')
        y += gap
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{y + 10}" font-family="sans-serif" '
            f'font-size="13"><rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results")
    parser.add_argument("--plot")
    args = parser.parse_args()
    result = json.loads(Path(args.results).read_text())
    sections = summary(result)
    print(table(result, sections))
    if args.plot:
        Path(args.plot).write_text(plot(sections))


if __name__ == "__main__":
    main()
