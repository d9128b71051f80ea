# SPDX-License-Identifier: Apache-2.0
#
# bench/remote.awk: the tables of remotes, read with bench/figures.awk.

function cell(kind, row, engine,   k, f) {
    k = row SUBSEP engine
    if (kind == "time") return median(k SUBSEP "wall") < 0 ? "–" : sprintf("%.2f (%.2f; %.2f)", median(k SUBSEP "wall"),
        minimum(k SUBSEP "wall"), median(k SUBSEP "cpu"))
    if (kind == "rss") return median(k SUBSEP "rss") < 0 ? "–" : sprintf("%.0f", median(k SUBSEP "rss") / 1024)
    if (!has(k SUBSEP "value")) return "–"
    return kind == "bytes" ? bytes(median(k SUBSEP "value")) : sprintf("%d", median(k SUBSEP "value"))
}
# The first is firn's, by a row of the peer, which may be another one.
function ratio(title, row, peer, other, field,   a, b, c, d) {
    a = median(row SUBSEP "firn" SUBSEP field)
    b = median(other SUBSEP peer SUBSEP field)
    if (a < 0 || b <= 0) return
    if (field == "value") { printf "| %s | %s | %.2f | – |\n", title, peer, a / b; return }
    c = median(row SUBSEP "firn" SUBSEP "cpu")
    d = median(other SUBSEP peer SUBSEP "cpu")
    printf "| %s | %s | %.2f | %.2f |\n", title, peer, a / b, c / d
}
function of(row) { return median(row SUBSEP "firn" SUBSEP "value") }

END {
    print_machine()
    printf "The tree: %d entries, %s.\n\n", median("entries" SUBSEP "tree" SUBSEP "value"), bytes(median("bytes" SUBSEP "tree" SUBSEP "value"))
    table("seconds: median (minimum; CPU)", "time=first=first push;time=packs=its packs alone;time=none=nothing new;" \
        "time=edited=5 files edited;time=bring=everything, on a machine that has nothing")
    table("requests", "count=first_requests=first push;count=packs_requests=its packs alone;count=none_requests=nothing new;" \
        "count=edited_requests=5 files edited;count=bring_requests=everything, on a machine that has nothing")
    table("bytes that the bucket grows by", "bytes=first_bytes=first push;bytes=none_bytes=nothing new;bytes=edited_bytes=5 files edited")
    table("peak memory, MiB", "rss=first=first push;rss=none=nothing new;rss=edited=5 files edited;" \
        "rss=bring=everything, on a machine that has nothing")
    if (has("first" SUBSEP "firn" SUBSEP "wall")) {
        print "| firn against | peer | median | CPU |\n|---|---|---|---|"
        ratio("first push, by a copy of the packs", "first", "rclone", "packs", "wall")
        ratio("first push", "first", "restic", "first", "wall")
        ratio("nothing new", "none", "rclone", "none", "wall")
        ratio("nothing new", "none", "restic", "none", "wall")
        ratio("requests, nothing new", "none_requests", "rclone", "none_requests", "value")
        ratio("requests, nothing new", "none_requests", "restic", "none_requests", "value")
        ratio("5 files edited", "edited", "rclone", "edited", "wall")
        ratio("5 files edited", "edited", "restic", "edited", "wall")
        ratio("requests, 5 files edited", "edited_requests", "restic", "edited_requests", "value")
        ratio("bytes, 5 files edited", "edited_bytes", "restic", "edited_bytes", "value")
        ratio("everything, by a copy of the store and a restore", "bring", "rclone", "bring", "wall")
        ratio("everything", "bring", "restic", "bring", "wall")
        print ""
    }
    if (has("turns" SUBSEP "firn" SUBSEP "value")) {
        printf "| %d turns of 5 edits, each saved and pushed | firn |\n|---|---|\n", of("turns")
        printf "| a push, every tenth was timed, seconds | %s |\n", cell("time", "turn", "firn")
        printf "| requests of all | %d |\n", of("turns_requests")
        printf "| objects in the bucket at the end | %d |\n", of("turns_objects")
        printf "| bytes in the bucket | %s |\n", bytes(of("turns_bytes"))
        printf "| bytes of the packs in the store, of the whole store | %s, %s |\n", bytes(of("turns_packs")), bytes(of("turns_store"))
        printf "| bucket by packs | %.3f |\n", of("turns_bytes") / of("turns_packs")
        printf "| bucket by store | %.3f |\n", of("turns_bytes") / of("turns_store")
        printf "| a clone of all, seconds | %s |\n", cell("time", "turns_clone", "firn")
        printf "| its requests | %d |\n", of("turns_clone_requests")
    }
}
