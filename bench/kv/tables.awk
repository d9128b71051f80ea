# SPDX-License-Identifier: Apache-2.0
#
# bench/kv/tables.awk: the tables of the key-value benchmark, read with bench/figures.awk.
#
# A rate's line has operations a second as its value, so its operations are value × wall, and CPU is given per operation. The
# best peer of a row is the one whose median is best; ratios are firn's by the peer's.

# Three digits are enough.
function short(x) { return x >= 100 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x) }
function micro(seconds) { return seconds < 0 ? "–" : sprintf("%.2f", seconds * 1e6) }
function rate(row, engine) { return row SUBSEP engine SUBSEP "value" }
# CPU seconds of an operation, from the medians; -1 if they are not known.
function cpu_each(row, engine,   k) {
    k = row SUBSEP engine SUBSEP
    if (!has(k "cpu") || !has(k "value") || median(k "value") <= 0) return -1
    return median(k "cpu") / (median(k "value") * median(k "wall"))
}
function cell(kind, row, engine,   k) {
    k = row SUBSEP engine SUBSEP
    if ((row SUBSEP engine) in wrong) return "failed"
    if (kind == "rss") return engine != "control" && has(k "rss") ? sprintf("%.0f", median(k "rss") / 1024) : "–"
    if (kind == "rate" && engine == "control") return "–"
    if (!has(k "value")) return "–"
    if (kind == "rate")
        return sprintf("%s (%s; %s)", short(median(k "value") / 1000), short(maximum(k "value") / 1000), micro(cpu_each(row, engine)))
    if (kind == "bytes") return bytes(median(k "value"))
    if (kind == "percent") return sprintf("%+.0f %%", median(k "value"))
    return sprintf("%s (%s)", short(median(k "value")), short(minimum(k "value")))
}
function is_peer(i) { return engine[i] != "firn" && engine[i] != "control" }
# The peer whose median is best: the greatest rate, or the least of what should be small.
function best_peer(row, kind,   i, m, best, best_name) {
    best_name = ""
    for (i = 1; i <= engines; i++) if (is_peer(i) && has(rate(row, engine[i]))) {
        m = median(rate(row, engine[i]))
        if (best_name == "" || (kind == "rate" ? m > best : m < best)) { best = m; best_name = engine[i] }
    }
    return best_name
}
function by(x, y) { return x < 0 || y <= 0 ? "–" : sprintf(x / y < 0.1 ? "%.4f" : "%.2f", x / y) }
# What firn reaches against each peer.
function ratios(first, rows,   i, j, m, part, peer, ours, best, one, line, text, rule, any) {
    line = "| " first " | best peer | median | best run" (first ~ /more/ ? " | CPU" : "")
    rule = "|---|---|---|---" (first ~ /more/ ? "|---" : "")
    for (i = 1; i <= engines; i++) if (is_peer(i)) { line = line " | " engine[i]; rule = rule "|---" }
    text = line " |\n" rule "|\n"
    m = split(rows, row_list, ";")
    for (j = 1; j <= m; j++) {
        split(row_list[j], part, "=")
        peer = best_peer(part[2], part[1])
        if (peer == "" || !has(rate(part[2], "firn"))) continue
        any = 1
        ours = rate(part[2], "firn")
        best = rate(part[2], peer)
        line = "| " part[3] " | " peer " | " by(median(ours), median(best))
        if (part[1] == "rate") {
            line = line " | " by(maximum(ours), maximum(best))
            line = line " | " by(cpu_each(part[2], "firn"), cpu_each(part[2], peer))
        } else line = line " | " by(minimum(ours), minimum(best))
        for (i = 1; i <= engines; i++) if (is_peer(i)) {
            one = rate(part[2], engine[i])
            line = line " | " (has(one) ? by(median(ours), median(one)) : "–")
        }
        text = text line " |\n"
    }
    if (any) print text
}

# A value "failed" makes the whole row of that engine so.
FILENAME !~ /machine$/ && $8 == "failed" { wrong[$1, $2] = 1 }
END {
    print_machine()
    rates = "rate=put=random put;rate=overwrite=overwrite;rate=sequential=sequential put;" \
        "rate=batch=batches of 100, sequential;rate=batch-random=batches of 100, random;rate=sync-1=synced put, 1 thread;rate=sync-8=synced put, 8 threads;" \
        "rate=get=get, warm;rate=missing=get of a missing key;rate=seek=seek + 10 next;rate=scan=scan all, entries;" \
        "rate=readwrite_reads=one reader beside one writer: reads;rate=readwrite_writes=one reader beside one writer: writes;" \
        "rate=ycsb-a=YCSB A;rate=ycsb-b=YCSB B;rate=ycsb-c=YCSB C;rate=ycsb-d=YCSB D;rate=ycsb-e=YCSB E;rate=ycsb-f=YCSB F;" \
        "rate=many_8=put into 200 keyspaces in turn, budget 8 MiB;rate=many_64=the same, budget 64 MiB;" \
        "rate=large-put=64 KiB values, put;rate=large-get=64 KiB values, get;rate=large-pinned=64 KiB values, get without a copy"
    small = "rate=get-small=get;rate=missing-small=get of a missing key;rate=seek-small=seek + 10 next;" \
        "rate=scan-small=scan all, entries"
    times = "time=put_p999_us=random put: p99.9, µs;time=put_p9999_us=random put: p99.99, µs;" \
        "time=put_longest_ms=random put: longest stop, ms;time=overwrite_p999_us=overwrite: p99.9, µs;" \
        "time=overwrite_p9999_us=overwrite: p99.99, µs;time=overwrite_longest_ms=overwrite: longest stop, ms;" \
        "time=get_p50_us=get: p50, µs;time=get_p999_us=get: p99.9, µs;" \
        "time=open_ms=open, ms;time=open-crashed_ms=open after a crash with a full log, ms"
    sizes = "factor=put_written=bytes written for each put;factor=overwrite_written=bytes written for each overwritten;" \
        "factor=put_space=space after the fill;factor=overwrite_space=space after overwriting;" \
        "bytes=library_bytes=library, stripped"
    table("thousands of operations a second: median (best; CPU µs)", rates)
    table("the same, data four times the memory", small)
    table("latencies: median (least)", times)
    table("amplification: median (least)", sizes)
    checkpoints = "time=checkpoint_create_ms=making one, ms;time=checkpoint_create_longest_ms=making one, the longest of 100, ms;" \
        "time=checkpoint_restore_ms=going back to one, ms;time=checkpoint_restore_longest_ms=going back, the longest of 50, ms;" \
        "time=checkpoint_difference_percent=comparing two, 0.1 % apart, % of a scan;" \
        "factor=history_get=get of now after 1,000, by the same store without;factor=history_scan=scan of now after 1,000, likewise;" \
        "factor=history_restored_get=get of now after 1,000 restores, likewise;factor=history_restored_scan=scan of now after 1,000 restores, likewise;" \
        "time=deep_flush_ms=a flush after 10,000 checkpoints and 10,000 restores, ms;time=deep_scan_1000_ms=scan of 1,000 entries then, ms;" \
        "time=deep_create_ms=making one then, ms;time=deep_restore_ms=going back to one then, ms;" \
        "time=deep_difference_ms=comparing two then, ms;time=deep_open_ms=open then, ms;factor=deep_peak_mib=peak of memory, budget 1 MiB, MiB"
    table("checkpoints: median (least)", checkpoints)
    table("memory", "percent=memory_percent=peak beyond the budget;rss=put=peak of random put, MiB;rss=get=peak of get, MiB")
    if ("firn" in known) {
        ratios("firn by peer, more is better", rates)
        ratios("firn by peer, data four times the memory, more is better", small)
        ratios("firn by peer, less is better", times ";" sizes)
    }
}
