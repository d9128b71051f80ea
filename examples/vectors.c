/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/vectors.c: notes with embeddings: a search for the nearest ones, and one ranking made from two. Valid C and C++.
 *
 *     cc vectors.c $(pkg-config --cflags --libs firn) -o vectors && ./vectors notes.firn
 */
#include <firn/firn.h>

#include <stdio.h>

static firn_error err;

static int
fail(void)
{
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

/* What a model of language would give, in three dimensions: animals, plants, machines. */
static const struct {
    const char *title;
    int64_t year;
    float embedding[3];
} notes[] = {{"The hedgehog in autumn", 2021, {0.9F, 0.3F, 0.0F}},
             {"Pruning apple trees", 2022, {0.1F, 0.9F, 0.2F}},
             {"A lawnmower that spares hedgehogs", 2025, {0.6F, 0.4F, 0.7F}},
             {"Sharpening the blades", 2024, {0.0F, 0.1F, 1.0F}}};

static int
fill(firn_table *table)
{
    static const char *const columns[] = {"title", "year", "embedding"};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.columns = columns;
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        firn_value row[] = {firn_text(notes[i].title), firn_i64(notes[i].year),
                            firn_blob(firn_bytes(notes[i].embedding, sizeof notes[i].embedding))};
        if (firn_table_insert(table, &options, row, 3, &err) != FIRN_OK) {
            return 1;
        }
    }
    return 0;
}

int
main(int argc, char **argv)
{
    firn_store *store = NULL;
    firn_table *table;
    firn_table_def *def = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: vectors STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK ||
        firn_table_def_parse("id i64 auto primary key, title text, year i32, embedding vector(3)",
                             &def, &err) != FIRN_OK ||
        firn_table_create(store, "notes", def, &table, &err) != FIRN_OK || fill(table) != 0) {
        firn_release(def);
        return fail();
    }
    firn_release(def);

    static const float animals[3] = {1, 0, 0};
    static const char *const columns[] = {"title"};
    firn_search_result *result;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.k = 3;
    options.where = "year > 2020";
    options.columns = columns;
    options.column_count = 1;
    if (firn_table_search(table, "embedding", animals, 3, &options, &result, &err) != FIRN_OK) {
        return fail();
    }
    for (size_t i = 0; i < firn_search_result_count(result); i++) {
        firn_slice title = firn_search_result_values(result, i, NULL)[0].as.bytes;
        printf("%.3f %.*s\n", firn_search_result_distance(result, i), (int)title.size,
               (const char *)title.data);
    }
    firn_search_result_destroy(result);

    /* The second note of this list is the first one of another: together that counts more than a first place alone. */
    const uint64_t both[] = {2, 1};
    const uint64_t one[] = {1, 0};
    printf("%.4f %.4f\n", firn_rrf(both, 2, 0), firn_rrf(one, 2, 0));
    return firn_store_close(store, &err) == FIRN_OK ? 0 : fail();
}
