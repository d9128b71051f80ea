# SPDX-License-Identifier: Apache-2.0
#
# bench/encryption.awk: the table of what encryption costs, read with bench/figures.awk. Times are CPU.

# Of figures.awk's table(), which has no place for what is added.
function cell(kind, row, engine) { return "–" }
# What one operation of a row takes, in units of which a second has so many.
function of(row, engine, units, field,   k, a) {
    k = row SUBSEP engine SUBSEP
    a = median(k field)
    if (a < 0) return -1
    return field == "value" || !has(k "value") ? a * units : a * units / median(k "value")
}
function figure(x, unit) { return unit == "bytes" ? bytes(x) : sprintf(unit == "s" ? "%.2f s" : unit == "ns" ? "%.1f ns" : "%.2f " unit, x) }
function percent(x, digits) { return sprintf("%s%.*f %%", x < 0 ? "−" : "+", digits, (x < 0 ? -x : x) * 100) }
# As a part of what it takes in clear; with `absolute` the difference.
function added(row, engine, units, unit, field, absolute,   a, b) {
    a = of(row, "clear", units, field)
    b = of(row, engine, units, field)
    if (a <= 0 || b < 0) return "–"
    return figure(b, unit) ", " (absolute ? (b < a ? "−" : "+") figure(b < a ? a - b : b - a, unit) : percent(b / a - 1, field == "value" ? 2 : 0))
}
function line(title, row, units, unit, field, absolute, bar) {
    if (of(row, "clear", units, field) < 0) return
    printf "| %s | %s | %s | %s | %s |\n", title, figure(of(row, "clear", units, field), unit),
        added(row, "xchacha20", units, unit, field, absolute), added(row, "aes", units, unit, field, absolute), bar
}
# Against the same command with a key file.
function unlock(engine,   a, b) {
    a = median("key_file" SUBSEP engine SUBSEP "wall")
    b = median("passphrase" SUBSEP engine SUBSEP "wall")
    return a < 0 || b < 0 ? "–" : sprintf("%.2f s", b - a)
}

END {
    print_machine()
    if (has("entries" SUBSEP "tree" SUBSEP "value"))
        printf "The tree: %d entries, %s.\n\n", median("entries" SUBSEP "tree" SUBSEP "value"), bytes(median("bytes" SUBSEP "tree" SUBSEP "value"))
    print "| CPU, median | in clear | XChaCha20-Poly1305 | AES-256-GCM | at most |\n|---|---|---|---|---|"
    line("cold save of the tree", "save", 1, "s", "cpu", 0, "+6 %")
    line("restore into an empty directory", "restore", 1, "s", "cpu", 0, "+5 %")
    line("a command that lists checkpoints, by a key file", "key_file", 1e3, "ms", "wall", 1, "–")
    line("random put", "put", 1e6, "µs", "cpu", 0, "AES +25 %")
    line("put in batches of 100", "batch", 1e6, "µs", "cpu", 0, "AES +6 %")
    line("get that reads a block of 4 KiB", "get", 1e6, "µs", "cpu", 1, "+3 µs")
    line("sum of two columns, a row", "scan", 1e9, "ns", "cpu", 0, "+25 %")
    line("size of the store of the tree", "size", 1, "bytes", "value", 0, "+0.1 %")
    line("size of the store of data", "data", 1, "bytes", "value", 0, "–")
    if (has("passphrase" SUBSEP "aes" SUBSEP "wall"))
        printf "| what a passphrase takes longer than a key file (wall) | – | %s | %s | 0.3 s |\n", unlock("xchacha20"), unlock("aes")
}
