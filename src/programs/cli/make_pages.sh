#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cli/make_pages.sh FIRN FIRN_PAGES FOLDER [SCDOC]: the completions and, with scdoc, the manual pages, into FOLDER.
set -eu
firn=$1
pages=$2
folder=$3
scdoc=${4:-}
rm -rf "$folder"
mkdir -p "$folder/completion" "$folder/man"
"$firn" completion bash > "$folder/completion/firn"
"$firn" completion zsh > "$folder/completion/_firn"
"$firn" completion fish > "$folder/completion/firn.fish"
if [ -n "$scdoc" ]; then
    "$pages" man > "$folder/names"
    while read -r page; do
        "$pages" man "$page" > "$folder/source"
        "$scdoc" < "$folder/source" > "$folder/man/$page.1"
    done < "$folder/names"
    rm "$folder/names" "$folder/source"
fi
touch "$folder/made"
