# SPDX-License-Identifier: Apache-2.0
#
# bench/turns.awk: the table of a day's work, read with bench/figures.awk.

# The smallest number that at least `part` of a list does not exceed; -1 for an empty list.
function percentile(key, part,   m, i) {
    m = sorted(key)
    if (m == 0) return -1
    i = int(m * part)
    if (i < m * part) i++
    return v[i < 1 ? 1 : i] + 0
}
function count(key) { return sorted(key) }
# Of figures.awk's table(), which compares engines and is not used here.
function cell(kind, row, engine) { return "–" }
function row(title, kind,   k, a, c) {
    k = kind SUBSEP "firn" SUBSEP "wall"
    if (!has(k)) return
    a = kind "_added" SUBSEP "firn" SUBSEP "value"
    c = kind SUBSEP "firn" SUBSEP "cpu"
    printf "| %s | %d | %.3f | %.3f | %.3f | %s | %s |\n", title, count(k), median(k), percentile(k, 0.9), maximum(k),
        has(c) ? sprintf("%.3f", median(c)) : "–", has(a) ? bytes(median(a)) " (" bytes(maximum(a)) ")" : "–"
}

END {
    print_machine()
    printf "The tree: %d entries, %s. The bare walk, between the turns, takes %.3f s (CPU %.3f). At the end the store has %s in %d files, after gc %s in %d.\n\n",
        median("entries" SUBSEP "tree" SUBSEP "value"), bytes(median("bytes" SUBSEP "tree" SUBSEP "value")),
        median("walk" SUBSEP "walk" SUBSEP "wall"), median("walk" SUBSEP "walk" SUBSEP "cpu"), bytes(median("size" SUBSEP "firn" SUBSEP "value")),
        median("store_files" SUBSEP "firn" SUBSEP "value"), bytes(median("gc_size" SUBSEP "firn" SUBSEP "value")),
        median("gc_files" SUBSEP "firn" SUBSEP "value")
    print "| seconds | times | median | 90 % within | longest | CPU, median | added, median (most) |\n|---|---|---|---|---|---|---|"
    row("save, one to five files edited", "save")
    row("restore, four saves back", "restore")
    row("undo of that", "undo")
    row("save, nothing changed", "none")
    row("undo of a turn that edited five files", "undo_five")
    row("redo of it", "redo_five")
    row("status", "status")
    row("diff --stat, over five saves", "diff")
    row("the first save of all", "cold")
    row("gc, at the end", "gc")
    row("restore of the first checkpoint, at the end", "back")
    row("restore into an empty directory", "restore_to")
    row("reading the same through a mount", "mount")
    printf "\nThe rest is in a tree of 2,000 files with %d checkpoints.\n\n", median("checkpoints" SUBSEP "firn" SUBSEP "value")
    print "| seconds | times | median | 90 % within | longest | CPU, median | added, median (most) |\n|---|---|---|---|---|---|---|"
    row("log -n 40", "log")
    row("log of a file in a directory of 1,000, -n 40", "log_file")
    row("list --limit 40", "list")
    row("find of a name, -n 2", "find")
    row("find of a name, in all checkpoints", "find_all")
    row("log -S of a text of 20 saves ago, -n 1", "log_text")
    row("log, until its first screen", "screen_log")
    row("browse, until its first screen", "screen_browse")
}
