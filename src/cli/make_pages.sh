#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cli/make_pages.sh FIRN_PAGES FOLDER [SCDOC]: the completions and, with scdoc, the manual pages, into FOLDER.
set -eu
program=$1
folder=$2
scdoc=${3:-}
rm -rf "$folder"
mkdir -p "$folder/completion" "$folder/man"
"$program" completion bash > "$folder/completion/firn"
"$program" completion zsh > "$folder/completion/_firn"
"$program" completion fish > "$folder/completion/firn.fish"
if [ -n "$scdoc" ]; then
    "$program" man > "$folder/names"
    while read -r page; do
        "$program" man "$page" > "$folder/source"
        "$scdoc" < "$folder/source" > "$folder/man/$page.1"
    done < "$folder/names"
    rm "$folder/names" "$folder/source"
fi
touch "$folder/made"
