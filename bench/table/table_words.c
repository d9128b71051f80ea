/* SPDX-License-Identifier: Apache-2.0
 *
 * table_words.c: pseudo-English by the grammar of the TPC-H specification (4.2.2.14): a text is sentences; a
 * sentence is noun phrases, verb phrases and prepositional phrases in one of five orders and a terminator. Each
 * choice is as likely as its siblings.
 */
#include "table_words.h"

#include <stdint.h>
#include <string.h>

#include "table_data.h"

enum { STREAM_WORDS = 200 };

static const char *const nouns[] = {
    "foxes",     "ideas",     "theodolites", "pinto beans", "instructions",   "dependencies",
    "excuses",   "platelets", "asymptotes",  "courts",      "dolphins",       "multipliers",
    "sauternes", "warthogs",  "frets",       "dinos",       "attainments",    "somas",
    "Tiresias'", "patterns",  "forges",      "braids",      "hockey players", "frays",
    "warhorses", "dugouts",   "notornis",    "epitaphs",    "pearls",         "tithes",
    "waters",    "orbits",    "gifts",       "sheaves",     "depths",         "sentiments",
    "decoys",    "realms",    "pains",       "grouches",    "escapades"};
static const char *const verbs[] = {
    "sleep",  "wake",   "are",       "cajole",   "haggle", "nag",   "use",     "boost",
    "affix",  "detect", "integrate", "maintain", "nod",    "was",   "lose",    "sublate",
    "solve",  "thrash", "promise",   "engage",   "hinder", "print", "x-ray",   "breach",
    "eat",    "grow",   "impress",   "mold",     "poach",  "serve", "run",     "dazzle",
    "snooze", "doze",   "unwind",    "kindle",   "play",   "hang",  "believe", "doubt"};
static const char *const adjectives[] = {"furious",   "sly",      "careful", "blithe",   "quick",
                                         "fluffy",    "slow",     "quiet",   "ruthless", "thin",
                                         "close",     "dogged",   "daring",  "brave",    "stealthy",
                                         "permanent", "enticing", "idle",    "busy",     "regular",
                                         "final",     "ironic",   "even",    "bold",     "silent"};
static const char *const adverbs[] = {
    "sometimes", "always",    "never",   "furiously",  "slyly",       "carefully",  "blithely",
    "quickly",   "fluffily",  "slowly",  "quietly",    "ruthlessly",  "thinly",     "closely",
    "doggedly",  "daringly",  "bravely", "stealthily", "permanently", "enticingly", "idly",
    "busily",    "regularly", "finally", "ironically", "evenly",      "boldly",     "silently"};
static const char *const prepositions[] = {
    "about",        "above",   "according to", "across",  "after",       "against", "along",
    "alongside of", "among",   "around",       "at",      "atop",        "before",  "behind",
    "beneath",      "beside",  "besides",      "between", "beyond",      "by",      "despite",
    "during",       "except",  "for",          "from",    "in place of", "inside",  "instead of",
    "into",         "near",    "of",           "on",      "outside",     "over",    "past",
    "since",        "through", "throughout",   "to",      "toward",      "under",   "until",
    "up",           "upon",    "without",      "with",    "within"};
static const char *const auxiliaries[] = {
    "do",           "may",          "might",         "shall",         "will",
    "would",        "can",          "could",         "should",        "ought to",
    "must",         "will have to", "shall have to", "could have to", "should have to",
    "must have to", "need to",      "try to"};
static const char *const terminators[] = {".", ";", ":", "?", "!", "--"};

struct words {
    char *pool;
    size_t size, used;
    uint64_t choices; /* made so far */
};

static uint64_t
choose(struct words *words, uint64_t count)
{
    return table_random(STREAM_WORDS, words->choices++, count);
}

static void
append(struct words *words, const char *text)
{
    size_t size = strlen(text);
    size_t left = words->size - words->used;
    size = size < left ? size : left;
    memcpy(words->pool + words->used, text, size);
    words->used += size;
}

static void
append_one(struct words *words, const char *const *list, size_t count)
{
    append(words, list[choose(words, count)]);
}
#define APPEND_ONE(words, list) append_one((words), (list), sizeof(list) / sizeof((list)[0]))

static void
append_noun_phrase(struct words *words)
{
    switch (choose(words, 4)) {
    case 0:
        break;
    case 1:
        APPEND_ONE(words, adjectives);
        append(words, " ");
        break;
    case 2:
        APPEND_ONE(words, adjectives);
        append(words, ", ");
        APPEND_ONE(words, adjectives);
        append(words, " ");
        break;
    default:
        APPEND_ONE(words, adverbs);
        append(words, " ");
        APPEND_ONE(words, adjectives);
        append(words, " ");
        break;
    }
    APPEND_ONE(words, nouns);
}

static void
append_verb_phrase(struct words *words)
{
    uint64_t form = choose(words, 4);
    if ((form & 1) != 0) {
        APPEND_ONE(words, auxiliaries);
        append(words, " ");
    }
    APPEND_ONE(words, verbs);
    if ((form & 2) != 0) {
        append(words, " ");
        APPEND_ONE(words, adverbs);
    }
}

static void
append_prepositional_phrase(struct words *words)
{
    APPEND_ONE(words, prepositions);
    append(words, " the ");
    append_noun_phrase(words);
}

static void
append_sentence(struct words *words)
{
    /* n: noun phrase, v: verb phrase, p: prepositional phrase. */
    static const char *const orders[] = {"nv", "nvp", "nvn", "npvn", "npvp"};
    const char *order = orders[choose(words, 5)];
    for (size_t i = 0; order[i] != '\0'; i++) {
        append(words, i > 0 ? " " : "");
        if (order[i] == 'n') {
            append_noun_phrase(words);
        } else if (order[i] == 'v') {
            append_verb_phrase(words);
        } else {
            append_prepositional_phrase(words);
        }
    }
    APPEND_ONE(words, terminators);
    append(words, " ");
}

void
table_words_fill(char *pool, size_t size)
{
    struct words words = {pool, size, 0, 0};
    while (words.used < words.size) {
        append_sentence(&words);
    }
}
