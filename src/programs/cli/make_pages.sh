#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cli/make_pages.sh FIRN FIRN_PAGES FOLDER SCDOC PYTHON VERSION: the completions, the manual pages of commands and, by tools/reference, those of
# functions, into FOLDER. Without scdoc or Python ("") their pages are left out.
set -eu
firn=$1
pages=$2
folder=$3
scdoc=$4
python=$5
version=$6
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
if [ -n "$python" ]; then
    "$python" -B "$(dirname "$0")/../../../tools/reference" man "$folder/man3" "$version"
fi
touch "$folder/made"
