/* SPDX-License-Identifier: Apache-2.0
 *
 * table_event.c: a row of the event log, made of its number.
 *
 * Events come four a second, each at a random moment of its quarter. A tenth as many users as events, up
 * to a million; some are far busier than others: the one of rank r has a share that falls with the power -2/3 of r
 * (the cube of a number that is spread evenly is the rank). Kinds, countries and states are spread
 * unevenly too, amounts and items lie closer together at the small end.
 */
#include <stdio.h>
#include <string.h>

#include "table_data.h"

enum {
    STREAM_TS = 100,
    STREAM_USER,
    STREAM_KIND,
    STREAM_COUNTRY,
    STREAM_STATUS,
    STREAM_AMOUNT,
    STREAM_LATENCY,
    STREAM_ITEM
};

/* 2026-01-01 00:00:00 UTC. */
static const int64_t first_ts = INT64_C(1767225600000000);

struct share {
    const char *name;
    uint64_t weight; /* of 1,000 */
};

static const struct share kinds[] = {{"view", 380},       {"click", 210}, {"search", 130},
                                     {"add_to_cart", 70}, {"login", 55},  {"logout", 40},
                                     {"purchase", 35},    {"remove", 25}, {"share", 20},
                                     {"comment", 15},     {"error", 12},  {"signup", 8}};
static const struct share countries[] = {
    {"US", 220}, {"IN", 120}, {"DE", 90}, {"GB", 80}, {"FR", 70}, {"BR", 60},
    {"JP", 60},  {"CA", 40},  {"IT", 40}, {"ES", 35}, {"MX", 30}, {"AU", 25},
    {"NL", 20},  {"PL", 20},  {"SE", 15}, {"CH", 15}, {"AT", 10}, {"BE", 10},
    {"DK", 10},  {"FI", 8},   {"NO", 8},  {"PT", 7},  {"IE", 5},  {"IS", 2}};
static const struct share states[] = {{"200", 820}, {"304", 60}, {"204", 40}, {"404", 30},
                                      {"301", 20},  {"400", 12}, {"401", 8},  {"403", 5},
                                      {"500", 4},   {"503", 1}};

static const struct share *
pick(const struct share *shares, uint64_t stream, uint64_t number)
{
    uint64_t left = table_random(stream, number, 1000);
    while (left >= shares->weight) {
        left -= shares->weight;
        shares++;
    }
    return shares;
}

static struct table_text
text_of(const char *name)
{
    return (struct table_text){name, strlen(name)};
}

uint64_t
table_event_users(uint64_t rows)
{
    uint64_t users = rows / 10;
    return users < 10 ? 10 : users > 1000000 ? 1000000 : users;
}

static uint64_t
user_of(uint64_t id, uint64_t users)
{
    double spread = (double)table_random(STREAM_USER, id, UINT64_C(0xffffffff)) / 4294967296.0;
    uint64_t rank = (uint64_t)(spread * spread * spread * (double)users);
    /* 1,000,003 is prime and above the number of users: no two ranks are one user. */
    return (rank * 1000003 + 12345) % users;
}

void
table_event_make(struct table_event *event, uint64_t id, uint64_t users)
{
    uint64_t cents = table_random(STREAM_AMOUNT, id, 1000);
    uint64_t item = table_random(STREAM_ITEM, id, 1 << 16);
    event->id = (int64_t)id;
    event->ts = first_ts + (int64_t)(id * 250000 + table_random(STREAM_TS, id, 250000));
    event->user = (int64_t)user_of(id, users);
    event->kind = text_of(pick(kinds, STREAM_KIND, id)->name);
    event->country = text_of(pick(countries, STREAM_COUNTRY, id)->name);
    const char *state = pick(states, STREAM_STATUS, id)->name;
    event->status = (state[0] - '0') * 100 + (state[1] - '0') * 10 + (state[2] - '0');
    event->amount = (int64_t)(99 + cents * cents / 2 + table_random(STREAM_AMOUNT, ~id, 1000));
    event->latency = (double)(1 + table_random(STREAM_LATENCY, id, 4096)) / 10.0;
    int size = snprintf(event->path_bytes, sizeof(event->path_bytes), "/item/%u",
                        (unsigned)(10000 + (item * item >> 17)));
    event->path = (struct table_text){event->path_bytes, (size_t)size};
}
