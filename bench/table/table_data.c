/* SPDX-License-Identifier: Apache-2.0
 *
 * table_data.c: the schemas, the files of a table mapped into memory, random numbers and hashes.
 */
#include "table_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct table_schema table_lineitem = {.name = "lineitem",
                                            .column_count = 16,
                                            .columns = {{"l_orderkey", TABLE_I64},
                                                        {"l_partkey", TABLE_I64},
                                                        {"l_suppkey", TABLE_I64},
                                                        {"l_linenumber", TABLE_I32},
                                                        {"l_quantity", TABLE_DECIMAL},
                                                        {"l_extendedprice", TABLE_DECIMAL},
                                                        {"l_discount", TABLE_DECIMAL},
                                                        {"l_tax", TABLE_DECIMAL},
                                                        {"l_returnflag", TABLE_TEXT},
                                                        {"l_linestatus", TABLE_TEXT},
                                                        {"l_shipdate", TABLE_DATE},
                                                        {"l_commitdate", TABLE_DATE},
                                                        {"l_receiptdate", TABLE_DATE},
                                                        {"l_shipinstruct", TABLE_TEXT},
                                                        {"l_shipmode", TABLE_TEXT},
                                                        {"l_comment", TABLE_TEXT}},
                                            .key = "l_orderkey, l_linenumber"};

const struct table_schema table_part = {"part",
                                        9,
                                        {{"p_partkey", TABLE_I64},
                                         {"p_name", TABLE_TEXT},
                                         {"p_mfgr", TABLE_TEXT},
                                         {"p_brand", TABLE_TEXT},
                                         {"p_type", TABLE_TEXT},
                                         {"p_size", TABLE_I32},
                                         {"p_container", TABLE_TEXT},
                                         {"p_retailprice", TABLE_DECIMAL},
                                         {"p_comment", TABLE_TEXT}},
                                        "p_partkey"};

const struct table_schema table_customer = {"customer",
                                            8,
                                            {{"c_custkey", TABLE_I64},
                                             {"c_name", TABLE_TEXT},
                                             {"c_address", TABLE_TEXT},
                                             {"c_nationkey", TABLE_I64},
                                             {"c_phone", TABLE_TEXT},
                                             {"c_acctbal", TABLE_DECIMAL},
                                             {"c_mktsegment", TABLE_TEXT},
                                             {"c_comment", TABLE_TEXT}},
                                            "c_custkey"};

const struct table_schema table_orders = {"orders",
                                          9,
                                          {{"o_orderkey", TABLE_I64},
                                           {"o_custkey", TABLE_I64},
                                           {"o_orderstatus", TABLE_TEXT},
                                           {"o_totalprice", TABLE_DECIMAL},
                                           {"o_orderdate", TABLE_DATE},
                                           {"o_orderpriority", TABLE_TEXT},
                                           {"o_clerk", TABLE_TEXT},
                                           {"o_shippriority", TABLE_I32},
                                           {"o_comment", TABLE_TEXT}},
                                          "o_orderkey"};

const struct table_schema table_events = {
    .name = "events",
    .column_count = TABLE_EVENT_COLUMNS,
    .columns = {[TABLE_EVENT_ID] = {"id", TABLE_I64},
                [TABLE_EVENT_TS] = {"ts", TABLE_TIMESTAMP},
                [TABLE_EVENT_USER] = {"user_id", TABLE_I64},
                [TABLE_EVENT_KIND] = {"kind", TABLE_TEXT},
                [TABLE_EVENT_COUNTRY] = {"country", TABLE_TEXT},
                [TABLE_EVENT_STATUS] = {"status", TABLE_I32},
                [TABLE_EVENT_AMOUNT] = {"amount", TABLE_DECIMAL},
                [TABLE_EVENT_LATENCY] = {"latency", TABLE_F64},
                [TABLE_EVENT_PATH] = {"path", TABLE_TEXT}},
    .key = "id"};

static const struct table_schema *const schemas[] = {&table_lineitem, &table_events, &table_orders,
                                                     &table_customer, &table_part};
enum { SCHEMAS = sizeof(schemas) / sizeof(schemas[0]) };

const struct table_schema *
table_schema_find(const char *name)
{
    for (size_t i = 0; i < SCHEMAS; i++) {
        if (strcmp(name, schemas[i]->name) == 0) {
            return schemas[i];
        }
    }
    return NULL;
}

const struct table_schema *
table_schema_of(const char *directory)
{
    char path[4096];
    for (size_t i = 0; i < SCHEMAS; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, schemas[i]->columns[0].name);
        if (access(path, F_OK) == 0) {
            return schemas[i];
        }
    }
    table_die("%s has none of the tables", directory);
}

static const void *
map_file(const char *directory, const char *name, const char *suffix, uint64_t *out_size)
{
    char path[4096];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/%s%s", directory, name, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        table_die("cannot open %s: %s", path, strerror(errno));
    }
    *out_size = (uint64_t)status.st_size;
    if (*out_size == 0) {
        table_die("%s is empty", path);
    }
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        table_die("could not map %s: %s", path, strerror(errno));
    }
    (void)close(fd);
    return data;
}

static size_t
size_of(enum table_type type)
{
    return type == TABLE_I32 || type == TABLE_DATE ? 4 : 8;
}

void
table_data_map(struct table_data *data, const struct table_schema *schema, const char *directory)
{
    *data = (struct table_data){.schema = schema};
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct table_column *column = &schema->columns[i];
        struct table_array *array = &data->columns[i];
        uint64_t size;
        uint64_t rows;
        if (column->type == TABLE_TEXT) {
            array->at = map_file(directory, column->name, ".at", &size);
            rows = size / sizeof(array->at[0]) - 1;
            array->as.text = map_file(directory, column->name, "", &size);
            if (array->at[rows] != size) {
                table_die("%s/%s does not have the texts that it should", directory, column->name);
            }
        } else {
            array->as.i64 = map_file(directory, column->name, "", &size);
            rows = size / size_of(column->type);
        }
        if (i > 0 && rows != data->rows) {
            table_die("%s/%s has another number of rows", directory, column->name);
        }
        data->rows = rows;
    }
}

static uint64_t
mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t
table_random(uint64_t stream, uint64_t number, uint64_t below)
{
    uint64_t x = mixed(mixed(stream + UINT64_C(0x9e3779b97f4a7c15)) + number);
    return ((x >> 32) * below) >> 32;
}

uint64_t
table_hash_number(uint64_t hash, uint64_t number)
{
    return (hash ^ mixed(number)) * UINT64_C(0x100000001b3);
}

uint64_t
table_hash_text(uint64_t hash, struct table_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
    }
    return table_hash_number(hash, text.size);
}
