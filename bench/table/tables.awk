# SPDX-License-Identifier: Apache-2.0
#
# bench/table/tables.awk: the tables of the table benchmark; bench/figures.awk runs before it.
#
# A query's line has milliseconds as its value, and seconds of one execution as its times; a rate's has operations a second,
# and seconds of one operation; a load's has millions of rows a second, and the seconds of all. The best peer of a row is the
# one whose median is best; ratios say how many times better firn is.

# Three digits are enough.
function short(x) { return x >= 100 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : x >= 1 ? sprintf("%.2f", x) : sprintf("%.3f", x) }
function of(row, engine) { return row SUBSEP engine SUBSEP "value" }
function cpu(row, engine) { return median(row SUBSEP engine SUBSEP "cpu") }
function more(kind) { return kind == "rate" || kind == "load" || kind == "mb" }
function best(kind, key) { return more(kind) ? maximum(key) : minimum(key) }
function cell(kind, row, engine,   k) {
    k = of(row, engine)
    if ((row SUBSEP engine) in wrong) return "failed"
    if (!has(k)) return "–"
    if (kind == "ms") return sprintf("%s (%s; %s)", short(median(k)), short(best(kind, k)), short(cpu(row, engine) * 1e3))
    if (kind == "rate") return sprintf("%s (%s; %s)", short(median(k) / 1e3), short(best(kind, k) / 1e3), short(cpu(row, engine) * 1e6))
    if (kind == "load") return sprintf("%s (%s; %s)", short(median(k)), short(best(kind, k)), short(cpu(row, engine)))
    if (kind == "mb") return sprintf("%s (%s; %s)", short(median(k)), short(best(kind, k)), \
        short(median(k) * median(row SUBSEP engine SUBSEP "wall") / cpu(row, engine)))
    if (kind == "bytes") return bytes(median(k))
    return sprintf("%.2f", median(k))
}
function is_peer(i) { return engine[i] !~ /^firn/ }
# How many times better ours is than theirs.
function better(kind, ours, theirs,   x) {
    if (ours <= 0 || theirs <= 0) return "–"
    x = more(kind) ? ours / theirs : theirs / ours
    return x >= 100 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}
function best_peer(row, kind,   i, m, found, name) {
    name = ""
    for (i = 1; i <= engines; i++) if (is_peer(i) && has(of(row, engine[i]))) {
        m = median(of(row, engine[i]))
        if (name == "" || (more(kind) ? m > found : m < found)) { found = m; name = engine[i] }
    }
    return name
}
function ratios(first, rows,   i, j, m, part, peer, ours, theirs, line, text, rule, any, a, b) {
    line = "| " first " | best peer | median | best run | CPU of firn by its"
    rule = "|---|---|---|---|---"
    for (i = 1; i <= engines; i++) if (is_peer(i)) { line = line " | " engine[i]; rule = rule "|---" }
    text = line " |\n" rule "|\n"
    m = split(rows, row_list, ";")
    for (j = 1; j <= m; j++) {
        split(row_list[j], part, "=")
        peer = best_peer(part[2], part[1])
        if (peer == "" || !has(of(part[2], "firn"))) continue
        any = 1
        ours = of(part[2], "firn")
        theirs = of(part[2], peer)
        line = "| " part[3] " | " peer " | " better(part[1], median(ours), median(theirs)) \
            " | " better(part[1], best(part[1], ours), best(part[1], theirs))
        a = cpu(part[2], "firn")
        b = cpu(part[2], peer)
        line = line " | " (a > 0 && b > 0 ? sprintf("%.2f", a / b) : "–")
        for (i = 1; i <= engines; i++) if (is_peer(i)) {
            theirs = of(part[2], engine[i])
            line = line " | " (has(theirs) ? better(part[1], median(ours), median(theirs)) : "–")
        }
        text = text line " |\n"
    }
    if (any) print text
}

# How many times as long an aggregate takes through SQL as through the C API, each on the same table.
function longer(   i, m, part, text, any, a, b) {
    text = "| firn through SQL by its C API, less is better | median | CPU |\n|---|---|---|\n"
    m = split("sql_agg_q1=q1=TPC-H Q1;sql_agg_q6=q6=TPC-H Q6", row_list, ";")
    for (i = 1; i <= m; i++) {
        split(row_list[i], part, "=")
        if (!has(of(part[1], "firn")) || !has(of(part[2], "firn"))) continue
        any = 1
        a = cpu(part[1], "firn")
        b = cpu(part[2], "firn")
        text = text sprintf("| %s | %s | %s |\n", part[3], better("ms", median(of(part[2], "firn")), median(of(part[1], "firn"))), \
            a > 0 && b > 0 ? sprintf("%.2f", a / b) : "–")
    }
    if (any) print text
}

# A value "failed" makes the whole row of that engine so. Workloads have names with "-".
FILENAME !~ /machine$/ && $8 == "failed" { wrong[$1, $2] = 1 }
END {
    print_machine()
    queries = "ms=sum-quantity=sum of one column, quantity;ms=sum-price=sum of one column, price;ms=q6=TPC-H Q6;ms=q1=TPC-H Q1;" \
        "ms=q3=TPC-H Q3, two joins;ms=q12=TPC-H Q12, a join;ms=q14=TPC-H Q14, a join;" \
        "ms=count-int=count where a number is c;ms=count-texts=count where two strings are given;ms=group=group by 12 strings;" \
        "ms=top=top 10 of the users;ms=range=1 % range of the key"
    rates = "rate=lookup=point lookup by key, typed row;rate=insert=insert, a transaction a row, unsynced;" \
        "rate=update=update by key, a transaction a row, unsynced"
    texts = "mb=csv_lineitem=CSV in, durable, lineitem;mb=csv_events=CSV in, durable, events"
    loads = "load=load_lineitem=durable load, lineitem;load=load_events=durable load, events"
    through = "ms=sql_scan=through SQL: four columns of lineitem;ms=sql_scan_all=through SQL: all columns of lineitem;" \
        "ms=sql_texts=through SQL: four texts of orders;" \
        "ms=sql_limit=through SQL: the first ten rows of lineitem;" \
        "ms=sql_offset=through SQL: ten rows in the middle of lineitem;" \
        "ms=sql_q3=through SQL: TPC-H Q3;ms=sql_q5=through SQL: TPC-H Q5;ms=sql_q10=through SQL: TPC-H Q10;" \
        "ms=sql_q12=through SQL: TPC-H Q12;ms=sql_q14=through SQL: TPC-H Q14;" \
        "ms=sql_agg_q1=through SQL: TPC-H Q1, large table;ms=sql_agg_q6=through SQL: TPC-H Q6, large table;" \
        "ms=sql_open=through SQL: open, with the extension"
    through_rates = "rate=sql_lookup=through SQL: a row by its key;rate=sql_insert=through SQL: insert, a transaction a row, unsynced"
    through_loads = "load=sql_load=through SQL: inserting all of TPC-H, unsynced"
    sizes = "bytes=size_lineitem=lineitem;bytes=size_events=events;bytes=size_sql=TPC-H through SQL"
    space = "factor=halved_space=space after deleting half and compacting"
    table("milliseconds: median (least; CPU)", queries ";" through)
    table("thousands a second: median (best; CPU µs)", rates ";" through_rates)
    table("millions of rows a second: median (best; CPU s of all)", loads ";" through_loads)
    table("megabytes of CSV a second: median (best; of one processor)", texts)
    table("bytes on disk", sizes)
    table("by the space before", space)
    if ("firn" in known) {
        gsub(/bytes=size_lineitem=/, "bytes=size_lineitem=size of ", sizes)
        gsub(/bytes=size_events=/, "bytes=size_events=size of ", sizes)
        gsub(/bytes=size_sql=/, "bytes=size_sql=size of ", sizes)
        ratios("firn by peer, more is better", queries ";" through ";" rates ";" through_rates ";" loads ";" through_loads ";" texts ";" sizes ";" space)
        longer()
    }
}
