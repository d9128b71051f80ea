# SPDX-License-Identifier: Apache-2.0
#
# bench/figures.awk: what the tables of all benchmarks share; bench/report reads it before save.awk, kv/tables.awk or table/tables.awk, with the
# file of the machine's facts and the file of results. A line of results is
#   row engine run wall user sys rss_kib value
# between tabs, "-" where there is none. They are kept by row, engine and field (wall, cpu, rss, value).

function note(key, x) { if (x != "-" && x != "failed") list[key] = list[key] x " " }
function has(key) { return list[key] != "" }
# Sorts the numbers of a list into v[1..]; returns how many.
function sorted(key,   i, j, x, m) {
    m = split(list[key], v, " ")
    for (i = 2; i <= m; i++) {
        x = v[i] + 0
        for (j = i - 1; j >= 1 && v[j] + 0 > x; j--) v[j + 1] = v[j]
        v[j + 1] = x
    }
    return m
}
# Of an empty list: -1.
function median(key,   m) {
    m = sorted(key)
    if (m == 0) return -1
    return m % 2 ? v[(m + 1) / 2] + 0 : (v[m / 2] + v[m / 2 + 1]) / 2
}
function minimum(key) { return sorted(key) ? v[1] + 0 : -1 }
function maximum(key,   m) { m = sorted(key); return m ? v[m] + 0 : -1 }
function bytes(x) {
    if (x >= 1e9) return sprintf("%.2f GB", x / 1e9)
    if (x >= 1e7) return sprintf("%.0f MB", x / 1e6)
    if (x >= 1e6) return sprintf("%.1f MB", x / 1e6)
    return sprintf("%.0f KB", x / 1e3)
}
function print_machine(   i) {
    for (i = 1; i <= facts; i++) printf "%s%s", (i > 1 ? "; " : ""), machine[i]
    printf ".\n\n"
}
# A table of all engines. rows are "kind=row=title", with ";" between; cell(kind, row, engine) is the including file's, "–"
# for nothing. Rows and engines with nothing in them are left out.
function table(first, rows,   i, j, m, part, line, rule, text, used, filled, cells) {
    m = split(rows, row_list, ";")
    for (j = 1; j <= m; j++) {
        split(row_list[j], part, "=")
        for (i = 1; i <= engines; i++) {
            cells[j, i] = cell(part[1], part[2], engine[i])
            if (cells[j, i] != "–") filled[j] = used[i] = 1
        }
    }
    line = "| " first
    rule = "|---"
    for (i = 1; i <= engines; i++) if (i in used) { line = line " | " engine[i]; rule = rule "|---" }
    text = line " |\n" rule "|\n"
    for (j = 1; j <= m; j++) if (j in filled) {
        split(row_list[j], part, "=")
        line = "| " part[3]
        for (i = 1; i <= engines; i++) if (i in used) line = line " | " cells[j, i]
        text = text line " |\n"
    }
    if (rule != "|---") print text
}

BEGIN { FS = "\t" }
FILENAME ~ /machine$/ { machine[++facts] = $1 ": " $2; next }
{
    k = $1 SUBSEP $2
    note(k SUBSEP "wall", $4)
    if ($5 != "-") { note(k SUBSEP "cpu", $5 + $6); note(k SUBSEP "rss", $7) }
    note(k SUBSEP "value", $8)
    if (!($2 in known) && $2 != "walk" && $2 != "tree") { known[$2] = 1; engine[++engines] = $2 }
}
