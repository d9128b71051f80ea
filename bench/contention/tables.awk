# SPDX-License-Identifier: Apache-2.0
#
# bench/contention/tables.awk: the tables of what threads wait for, from the lines of contend_main.c; read with bench/figures.awk.

BEGIN {
    split("get get-hot seek put mixed", order, " ")
    title["get"] = "get"
    title["get-hot"] = "get, Zipf"
    title["seek"] = "seek + 10 next"
    title["put"] = "put"
    title["mixed"] = "95 % get, 5 % put, Zipf"
    counts = split("1 2 4 8 16", threads, " ")
}
$1 == "site" { sites[$2] = sites[$2] sprintf("| %s | %s | %s | `%s` | `%s` |\n", title[$2], $4, $5, $6, $7); next }
{
    seen[$1] = 1
    transfers[$1, $2] = sprintf("%.2f", $3)
    waits[$1, $2] = sprintf("%.3f", $5)
    speed[$1, $2] = $2 / $6
}
# Of figures.awk's table(), which compares engines and is not used here.
function cell(kind, row, engine) { return "–" }
function counts_row(name, cells,   i) {
    printf "| %s |", title[name]
    for (i = 1; i <= counts; i++) printf " %s |", ((name, threads[i]) in cells) ? cells[name, threads[i]] : "–"
    print ""
}
function counts_table(first, cells,   i) {
    printf "| %s |", first
    for (i = 1; i <= counts; i++) printf " %s |", threads[i]
    printf "\n|---|---|---|---|---|---|\n"
    for (i = 1; i in order; i++) if (order[i] in seen) counts_row(order[i], cells)
    print ""
}
END {
    print_machine()
    for (key in speed) {
        split(key, part, SUBSEP)
        if ((part[1], 1) in speed) ratio[key] = sprintf("%.1f", speed[key] / speed[part[1], 1])
    }
    counts_table("cache lines transferred for an operation, by threads", transfers)
    counts_table("waits for a mutex, for an operation", waits)
    counts_table("simulated speed, that of one thread being 1", ratio)
    print "| most threads | transfers an operation | lines | code | memory, and where it was allocated |\n|---|---|---|---|---|"
    for (i = 1; i in order; i++) printf "%s", sites[order[i]]
}
