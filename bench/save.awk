# SPDX-License-Identifier: Apache-2.0
#
# bench/save.awk: the tables of saves, read with bench/figures.awk.

function cell(kind, row, engine,   k) {
    k = row SUBSEP engine
    if (kind == "time") {
        if (median(k SUBSEP "wall") < 0) return "–"
        if (median(k SUBSEP "cpu") < 0) return sprintf("%.2f (%.2f)", median(k SUBSEP "wall"), minimum(k SUBSEP "wall"))
        return sprintf("%.2f (%.2f; %.2f)", median(k SUBSEP "wall"), minimum(k SUBSEP "wall"), median(k SUBSEP "cpu"))
    }
    if (kind == "rss") return median(k SUBSEP "rss") < 0 ? "–" : sprintf("%.0f", median(k SUBSEP "rss") / 1024)
    if (!has(k SUBSEP "value")) return "–"
    return kind == "bytes" ? bytes(median(k SUBSEP "value")) : sprintf("%d", median(k SUBSEP "value"))
}
function ratio(title, row, field, peer, fieldname,   a, b, cpu) {
    a = median(row SUBSEP "firn" SUBSEP field)
    b = median((peer == "walk" ? "walk" : row) SUBSEP peer SUBSEP field)
    if (a < 0 || b <= 0) return
    cpu = median(row SUBSEP "firn" SUBSEP "cpu") < 0 ? "–" : sprintf("%.2f",
        median(row SUBSEP "firn" SUBSEP "cpu") / median((peer == "walk" ? "walk" : row) SUBSEP peer SUBSEP "cpu"))
    if (field == "value") { printf "| %s | %s | %.2f | – | – |\n", title, peer, a / b; return }
    printf "| %s | %s | %.2f | %.2f | %s |\n", title, peer, a / b,
        minimum(row SUBSEP "firn" SUBSEP field) / minimum((peer == "walk" ? "walk" : row) SUBSEP peer SUBSEP field), cpu
}

function commits(what,   k) {
    k = "history_" what "_commits" SUBSEP "tree" SUBSEP "value"
    return (has(k) ? median(k) : "no") " commits"
}
function small(field, least,   a, b) {
    a = "small_last" SUBSEP "firn" SUBSEP field
    b = "small_10" SUBSEP "firn" SUBSEP field
    return least ? minimum(a) / minimum(b) : median(a) / median(b)
}

END {
    print_machine()
    if (median("entries" SUBSEP "tree" SUBSEP "value") >= 0)
        printf "The tree: %d entries, %s. The bare walk takes %.3f s (%.3f; %.3f).\n\n",
            median("entries" SUBSEP "tree" SUBSEP "value"), bytes(median("bytes" SUBSEP "tree" SUBSEP "value")),
            median("walk" SUBSEP "walk" SUBSEP "wall"), minimum("walk" SUBSEP "walk" SUBSEP "wall"),
            median("walk" SUBSEP "walk" SUBSEP "cpu")
    table("seconds: median (minimum; CPU)", "time=cold=cold save;time=unchanged=save, nothing changed;" \
        "time=edited=save, 5 files edited;time=restore=restore into an empty directory;" \
        "time=restore_written=restore, to the last file written;" \
        "time=rollback=roll back 5 files in place, 5 extra ones removed;time=big_cold=large file, cold save;" \
        "time=big_restore=large file, restore;time=big_changed=large file, 1 % new")
    table("bytes on disk", "bytes=size=store after the cold save;count=store_files=files in the store;" \
        "bytes=unchanged_added=added, nothing changed;bytes=edited_added=added, 5 files edited;" \
        "bytes=big_added=added, large file with 1 % new")
    table("histories, bytes on disk", "bytes=history_own_saved=" commits("own") " of firn's repository, saved in turn;" \
        "bytes=history_own_collected=the same, after firn gc;" \
        "bytes=history_releases_saved=" commits("releases") " of a repository of releases, saved in turn;" \
        "bytes=history_releases_collected=the same, after firn gc")
    table("a thousand small saves", "time=small_10=the tenth, seconds;time=small_last=the last, seconds;" \
        "time=small_list=list of all, seconds;count=small_files=files in the store;bytes=small_size=bytes on disk")
    if (median("small_last" SUBSEP "firn" SUBSEP "wall") > 0)
        printf "The last of these saves takes %.2f times as long as the tenth (minimum %.2f; CPU %.2f).\n\n", \
            small("wall", 0), small("wall", 1), small("cpu", 0)
    table("peak memory, MiB", "rss=cold=cold save;rss=restore=restore;rss=big_cold=large file, save;" \
        "rss=big_restore=large file, restore;rss=many_save=very many files, save;rss=many_restore=very many files, restore;" \
        "rss=large_save=very large file, save;rss=large_restore=very large file, restore")
    if ("firn" in known) {
        print "| firn against | peer | median | minimum | CPU |\n|---|---|---|---|---|"
        for (i = 1; i <= engines; i++) if (engine[i] != "firn") ratio("cold save", "cold", "wall", engine[i])
        ratio("save, nothing changed", "unchanged", "wall", "walk")
        ratio("save, nothing changed", "unchanged", "wall", "chkpt")
        for (i = 1; i <= engines; i++) if (engine[i] != "firn") ratio("restore", "restore", "wall", engine[i])
        ratio("restore, to the last file written", "restore_written", "wall", "cp")
        ratio("roll back", "rollback", "wall", "walk")
        ratio("store size", "size", "value", "restic")
        ratio("store size", "size", "value", "borg")
        ratio("large file, cold save", "big_cold", "wall", "chkpt")
        ratio("large file, restore", "big_restore", "wall", "chkpt")
        ratio("history of firn's repository", "history_own_saved", "value", "git")
        ratio("the same, after firn gc", "history_own_collected", "value", "git")
        ratio("history of releases", "history_releases_saved", "value", "git")
        ratio("the same, after firn gc", "history_releases_collected", "value", "git")
    }
}
