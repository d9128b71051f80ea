#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# bench/vector/report.py DIRECTORY [ROOT]: the tables of DIRECTORY/vector.tsv and vector.machine as Markdown. With ROOT they go between the
# marks "vector" in docs/benchmarks.md there, all figures into docs/benchmarks-vector.json, and the recall of walks against
# queries a second as a picture into docs/benchmarks-vector.svg.
#
# A figure is the median of the runs, "by CPU" that of the same by seconds of the processor. What an engine reaches at a
# recall is interpolated between the two efs around it, on a logarithmic scale; "-": the efs that were tried do not reach it.
import json
import math
import pathlib
import statistics
import sys

RECALLS = {"glove": (0.90, 0.95), "emb": (0.95, 0.99), "sift": (0.95, 0.99), "lsa": (0.95, 0.99), "gauss": (0.90, 0.95)}
COLOURS = {"firn": "#000000", "hnswlib": "#0072b2", "faiss": "#e69f00", "usearch": "#009e73", "usearch-bf16": "#56b4e9", "sqlite-vec": "#cc79a7"}


def read(directory):
    names = ("data", "run", "engine", "workload", "parameter", "value", "by_cpu", "unit", "recall")
    lines = [dict(zip(names, line.rstrip("\n").split("\t"))) for line in open(directory / "vector.tsv", encoding="utf-8")]
    for line in lines:
        for name in ("value", "by_cpu", "recall"):
            line[name] = float(line[name])
    return lines


class Figures:
    def __init__(self, lines):
        self.lines = lines

    def median(self, data, engine, workload, parameter=None, column="value", run=None):
        found = [
            line[column]
            for line in self.lines
            if (line["data"], line["engine"], line["workload"]) == (data, engine, workload)
            and (parameter is None or line["parameter"] == parameter)
            and (line["run"] == run if run else line["run"] != "churned")
        ]
        return statistics.median(found) if found else None

    def curve(self, data, engine, workload, column="value"):
        """(recall, queries a second) for each ef, ascending."""
        efs = {line["parameter"] for line in self.lines if (line["data"], line["engine"], line["workload"]) == (data, engine, workload)}
        return sorted(
            (self.median(data, engine, workload, ef, "recall"), self.median(data, engine, workload, ef, column)) for ef in efs
        )

    def at_recall(self, data, engine, workload, recall, column="value"):
        points = self.curve(data, engine, workload, column)
        best = [speed for reached, speed in points if reached >= recall]
        for (low, slow), (high, fast) in zip(points, points[1:]):
            if low < recall <= high:
                share = (recall - low) / (high - low)
                best.append(math.exp(math.log(slow) + share * (math.log(fast) - math.log(slow))))
        return max(best) if best else None


def rows_of(figures, data):
    """(name, function of engine and column, whether more is better)"""
    yield "build, vectors/s", lambda e, c: figures.median(data, e, "build", None, c), True
    for recall in RECALLS.get(data, (0.95,)):
        yield f"recall {recall:.2f}, queries/s", lambda e, c, r=recall: figures.at_recall(data, e, "walk", r, c), True
    for share in (50, 10, 1):
        yield f"{share} % of the rows, recall 0.95, queries/s", lambda e, c, s=share: figures.at_recall(data, e, f"filter-{s}", 0.95, c), True
    yield "exact, queries/s", lambda e, c: figures.median(data, e, "exact", None, c), True
    yield (
        "exact, without an index, queries/s",
        lambda e, c: figures.median(data, e, "flat" if e == "firn" else "exact", None, c),
        True,
    )
    yield "exact, without an index, 200 queries at once, queries/s", lambda e, c: figures.median(data, e, "batch", None, c), True
    yield "memory, bytes a vector", lambda e, c: figures.median(data, e, "memory", None, c), False
    yield "open and first query, ms", lambda e, c: figures.median(data, e, "open", None, c), False


def shown(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def tables(figures, machine):
    engines = [e for e in COLOURS if any(line["engine"] == e for line in figures.lines)]
    out = ["; ".join(f"{name}: {value}" for name, value in machine) + ".", ""]
    for data in dict.fromkeys(line["data"] for line in figures.lines):
        out += [f"| {data}: median (by CPU) | " + " | ".join(engines) + " | firn by the best peer (by CPU) |", "|---" * (len(engines) + 2) + "|"]
        for name, figure, more in rows_of(figures, data):
            values = {e: (figure(e, "value"), figure(e, "by_cpu")) for e in engines}
            ratios = []
            for i in (0, 1):
                peers = [v[i] for e, v in values.items() if e != "firn" and v[i] is not None]
                own = values.get("firn", (None, None))[i]
                ratios.append("-" if own is None or not peers else f"{own / (max(peers) if more else min(peers)):.2f}")
            cells = [f"{shown(v[0])} ({shown(v[1])})" if v[0] is not None else "-" for v in values.values()]
            out.append(f"| {name} | " + " | ".join(cells) + f" | {ratios[0]} ({ratios[1]}) |")
        out.append("")
    out += ["| half deleted and inserted again | recall at ef 64 before | after | bytes a vector before | after | s (CPU s) |", "|---|---|---|---|---|---|"]
    for data in dict.fromkeys(line["data"] for line in figures.lines):
        for engine in engines:
            after = figures.median(data, engine, "memory", None, "recall", "churned")
            if after is not None:
                taken = figures.median(data, engine, "churn", None, "value", "churned"), figures.median(data, engine, "churn", None, "by_cpu", "churned")
                memory = figures.median(data, engine, "memory"), figures.median(data, engine, "memory", run="churned")
                before = figures.median(data, engine, "memory", None, "recall")
                out.append(f"| {data}: {engine} | {before:.4f} | {after:.4f} | {shown(memory[0])} | {shown(memory[1])} | {shown(taken[0])} ({shown(taken[1])}) |")
    return "\n".join(out) + "\n"


def picture(figures):
    """A panel for each data set: recall to the right, from 0.8 to 1, queries a second upward."""
    sets = list(dict.fromkeys(line["data"] for line in figures.lines))
    width, height, left, top, gap = 420, 340, 70, 60, 90
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + len(sets) * (width + gap)}" height="{top + height + 60}" font-family="sans-serif" font-size="13">']
    out += ["<title>Queries a second at each recall: higher and further to the right is better</title>", '<rect width="100%" height="100%" fill="#fff"/>']
    for i, (engine, colour) in enumerate(COLOURS.items()):
        if any(line["engine"] == engine and line["workload"] == "walk" for line in figures.lines):
            out.append(f'<circle cx="{left + i * 120}" cy="20" r="5" fill="{colour}"/><text x="{left + i * 120 + 10}" y="24">{engine}</text>')
    for number, data in enumerate(sets):
        x0 = left + number * (width + gap)
        curves = {e: [p for p in figures.curve(data, e, "walk") if p[0] >= 0.8] for e in COLOURS}
        speeds = [speed for points in curves.values() for _, speed in points] or [1, 10]
        low, high = math.log10(min(speeds)) - 0.05, math.log10(max(speeds)) + 0.05

        def x_of(recall, x0=x0):
            return x0 + (recall - 0.8) / 0.2 * width

        def y_of(speed, low=low, high=high):
            return top + height - (math.log10(speed) - low) / (high - low) * height

        for step in range(5):
            x = x_of(0.8 + 0.05 * step)
            out.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" stroke="#ddd"/><text x="{x:.1f}" y="{top + height + 18}" text-anchor="middle">{0.8 + 0.05 * step:.2f}</text>')
        for power in range(math.floor(low), math.ceil(high) + 1):
            for times in (1, 2, 5):
                if low <= math.log10(times * 10**power) <= high:
                    y = y_of(times * 10**power)
                    out.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + width}" y2="{y:.1f}" stroke="#ddd"/><text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{times * 10 ** power:,}</text>')
        out.append(f'<text x="{x0 + width / 2}" y="{top + height + 40}" text-anchor="middle">{data}: recall of the 10 nearest, and queries a second</text>')
        for engine, points in curves.items():
            if points:
                path = " ".join(f"{x_of(recall):.1f},{y_of(speed):.1f}" for recall, speed in points)
                out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[engine]}" stroke-width="{3 if engine == "firn" else 1.5}"/>')
                out += [f'<circle cx="{x_of(r):.1f}" cy="{y_of(s):.1f}" r="3.5" fill="{COLOURS[engine]}"><title>{engine}: {s:,.0f} at {r:.3f}</title></circle>' for r, s in points]
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    directory = pathlib.Path(sys.argv[1])
    figures = Figures(read(directory))
    path = directory / "vector.machine"
    machine = [tuple(line.rstrip("\n").split("\t", 1)) for line in open(path, encoding="utf-8")] if path.exists() else []
    text = tables(figures, machine)
    print(text, end="")
    if len(sys.argv) < 3:
        return
    docs = pathlib.Path(sys.argv[2]) / "docs"
    begin, end = "<!-- vector: begin -->\n", "<!-- vector: end -->\n"
    document = (docs / "benchmarks.md").read_text(encoding="utf-8")
    before, rest = document.split(begin)
    after = rest.split(end)[1]
    head = "All figures: [benchmarks-vector.json](benchmarks-vector.json).\n\n![Queries a second at each recall](benchmarks-vector.svg)\n\n"
    (docs / "benchmarks.md").write_text(before + begin + head + text + end + after, encoding="utf-8")
    (docs / "benchmarks-vector.svg").write_text(picture(figures), encoding="utf-8")
    with open(docs / "benchmarks-vector.json", "w", encoding="utf-8") as out:
        out.write('{\n  "machine": ' + json.dumps(dict(machine)) + ',\n  "figures": [\n')
        out.write(",\n".join("    " + json.dumps(line) for line in figures.lines) + "\n  ]\n}\n")


main()
