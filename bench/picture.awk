# SPDX-License-Identifier: Apache-2.0
#
# bench/picture.awk: a picture (SVG) of the tables that compare firn with its peers, read from the Markdown that bench/report
# writes:
#   | firn by peer, more is better | best peer | median | best run | CPU | PEER | ... |    a ratio of rates for each peer
#   | firn against | peer | median | ... |                                               a ratio of times or bytes a row
# A line for each row, a dot for each peer, placed by how many times better firn is, on a logarithmic axis from 1/4 to 32;
# what lies beyond stands at the edge. The bare walk is a limit and no peer; it has no dot.

BEGIN {
    FS = " *[|] *"
    # Told apart by people who see colours differently too (Okabe and Ito's palette).
    split("#0072b2 #e69f00 #009e73 #cc79a7 #d55e00 #56b4e9", colour, " ")
    left = 330; right = 40; top = 64; step = 22; width = 900
    low = log(0.25); high = log(32)
}
function text_of(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }
function place(x) {
    x = log(x) < low ? low : log(x) > high ? high : log(x)
    return left + (width - left - right) * (x - low) / (high - low)
}
function dot(row, peer, better) {
    if (!(row in row_number)) { row_number[row] = ++rows; row_name[rows] = row }
    if (!(peer in peer_number)) { peer_number[peer] = ++peers; peer_name[peers] = peer }
    dots++
    dot_row[dots] = row_number[row]; dot_peer[dots] = peer_number[peer]; dot_at[dots] = better
}

/^[|] firn by peer, more is better/ { kind = "rates"; for (i = 7; i < NF; i++) column[i] = $i; columns = NF - 1; next }
/^[|] firn against/ { kind = "times"; next }
!/^[|]/ { kind = ""; next }
/^[|]---/ { next }
kind == "rates" { for (i = 7; i <= columns; i++) if ($i + 0 > 0) dot($2, column[i], $i + 0) }
kind == "times" && $3 != "walk" && $4 + 0 > 0 { dot($2, $3, 1 / $4) }

END {
    bottom = top + rows * step
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", width, bottom + 40
    printf "<title>How many times better firn is than each peer</title>\n"
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
    x = left
    for (i = 1; i <= peers; i++) {
        printf "<circle cx=\"%d\" cy=\"20\" r=\"5\" fill=\"%s\"/><text x=\"%d\" y=\"24\">%s</text>\n", x, colour[i], x + 10, text_of(peer_name[i])
        x += 26 + 8 * length(peer_name[i])
    }
    for (i = -2; i <= 5; i++) {
        x = place(2 ^ i)
        printf "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>", x, top - 12, x, bottom, i == 0 ? "#000" : "#ddd"
        printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%s</text>\n", x, top - 16, i < 0 ? "1/" 2 ^ -i : 2 ^ i
    }
    for (i = 1; i <= rows; i++)
        printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 12, top + (i - 1) * step + 12, text_of(row_name[i])
    for (i = 1; i <= dots; i++)
        printf "<circle cx=\"%.1f\" cy=\"%d\" r=\"5\" stroke=\"#fff\" fill=\"%s\"><title>%s: %.2f times %s</title></circle>\n", place(dot_at[i]),
            top + (dot_row[i] - 1) * step + 8, colour[dot_peer[i]], text_of(row_name[dot_row[i]]), dot_at[i], text_of(peer_name[dot_peer[i]])
    printf "<text x=\"%.1f\" y=\"%d\" fill=\"#555\">firn is better by this factor, to the right of 1; worse to the left</text>\n", place(0.25), bottom + 24
    print "</svg>"
}
