/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/expr: random expressions over random rows, against an interpreter that goes row by row and knows nothing of
 * types but whole numbers of 128 bits, doubles and bytes; and what chunks test themselves plus the rest against
 * the whole.
 */
#include "base/slice.h"
#include "expr_fixture.h"
#include "support/test.h"

__extension__ typedef __int128 int128;

/* ---- trees: a text, and what it means ---- */

enum form { WHOLE, REAL, BYTES, TRUTH };
struct value {
    bool is_null;
    enum form form;
    int128 whole; /* units of 10^-scale; of TRUTH, 0 and 1; microseconds of times */
    uint32_t scale;
    double real;
    char bytes[256];
    size_t size;
};
enum op {
    COLUMN,
    LITERAL,
    ADD,
    SUBTRACT,
    MULTIPLY,
    COMPARE,
    AND,
    OR,
    NOT,
    IS_NULL,
    DISTINCT,
    IN,
    BETWEEN,
    LIKE,
    PREFIX,
    CONCAT,
    CASE,
    COALESCE,
    IS_TRUE
};
struct tree {
    enum op op;
    unsigned detail;
    bool is_negated;
    size_t place;
    struct value literal;
    struct tree *args[6];
    size_t count;
};

static struct tree pool[4096];
static size_t pool_used;
static char text[1 << 16];
static size_t text_size;
static struct fi_schema *schema;
static struct test_random dice;

static size_t
roll(size_t limit)
{
    return (size_t)test_random_below(&dice, limit);
}

static void write_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void
write_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text + text_size, sizeof text - text_size, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text - text_size);
    text_size += (size_t)size;
}

static struct tree *
new_tree(enum op op)
{
    assert_true(pool_used < sizeof pool / sizeof pool[0]);
    struct tree *tree = &pool[pool_used++];
    *tree = (struct tree){.op = op};
    return tree;
}

/* ---- drawing: texts are written while trees are made ---- */

static struct tree *draw_truth(unsigned depth);

static struct tree *
draw_column(const char *const *names, size_t count)
{
    const char *name = names[roll(count)];
    struct tree *tree = new_tree(COLUMN);
    tree->place = (size_t)(fi_schema_find(schema, firn_str(name)) - schema->columns);
    write_text("%s", name);
    return tree;
}

static struct tree *
draw_number_literal(void)
{
    static const struct {
        const char *text;
        int64_t whole;
        uint32_t scale;
    } wholes[] = {
        {"0", 0, 0},
        {"1", 1, 0},
        {"-1", -1, 0},
        {"2", 2, 0},
        {"127", 127, 0},
        {"128", 128, 0},
        {"-128", -128, 0},
        {"-129", -129, 0},
        {"255", 255, 0},
        {"32767", 32767, 0},
        {"1.5", 15, 1},
        {"-0.25", -25, 2},
        {"0.123", 123, 3},
        {"1.00", 100, 2},
        {"2147483648", 2147483648, 0},
        {"9223372036854775807", INT64_MAX, 0},
        {"-9223372036854775808", INT64_MIN, 0},
        {"9999999999.99", 999999999999, 2},
        {"0.00001", 1, 5},
    };
    static const double reals[] = {0.0, 1.5, 0.1, 1e19, -3e9, 9007199254740993.0, 1e300, 3};
    struct tree *tree = new_tree(LITERAL);
    if (roll(4) == 0) {
        tree->literal.form = REAL;
        tree->literal.real = reals[roll(sizeof reals / sizeof reals[0])];
        if (roll(8) == 0) {
            tree->literal.real = (double)__builtin_nan("");
            write_text("f64 'nan'");
        } else {
            write_text("%.16e", tree->literal.real);
        }
        return tree;
    }
    size_t i = roll(sizeof wholes / sizeof wholes[0]);
    tree->literal.whole = wholes[i].whole;
    tree->literal.scale = wholes[i].scale;
    write_text("%s", wholes[i].text);
    return tree;
}

/* Sums and products of small ones fit. */
static struct tree *
draw_sum(void)
{
    static const char *const small[] = {"i8", "i16", "u8", "d2", "i32"};
    static const enum op ops[] = {ADD, SUBTRACT, MULTIPLY};
    static const char signs[] = "+-*";
    size_t i = roll(3);
    struct tree *tree = new_tree(ops[i]);
    tree->count = 2;
    write_text("(");
    tree->args[0] = draw_column(small, 5);
    write_text(" %c ", signs[i]);
    tree->args[1] = draw_column(small, 3);
    write_text(")");
    return tree;
}

static struct tree *
draw_number(unsigned depth)
{
    static const char *const names[] = {"id",  "i8",  "i16", "i32", "i64", "u8",
                                        "u32", "u64", "f32", "f64", "d2",  "d4"};
    size_t choice = roll(depth > 0 ? 12 : 9);
    if (choice < 6) {
        return draw_column(names, sizeof names / sizeof names[0]);
    }
    if (choice < 9) {
        return draw_number_literal();
    }
    if (choice < 11) {
        return draw_sum();
    }
    /* All of one type, so that the interpreter need not know the common one. */
    static const char *const wholes[] = {"i8", "i16", "i32", "id"};
    struct tree *tree = new_tree(choice == 10 ? COALESCE : CASE);
    if (tree->op == COALESCE) {
        write_text("coalesce(");
        tree->args[0] = draw_column(wholes, 4);
        write_text(", ");
        tree->args[1] = draw_column(wholes, 4);
        write_text(")");
        tree->count = 2;
        return tree;
    }
    write_text("case when ");
    tree->args[0] = draw_truth(depth - 1);
    write_text(" then ");
    tree->args[1] = draw_column(wholes, 4);
    write_text(" when ");
    tree->args[2] = draw_truth(depth - 1);
    write_text(" then ");
    tree->args[3] = draw_column(wholes, 4);
    tree->count = 4;
    if (roll(2) == 0) {
        write_text(" else ");
        tree->args[4] = draw_column(wholes, 4);
        tree->count = 5;
    }
    write_text(" end");
    return tree;
}

static struct tree *
draw_text_literal(void)
{
    static const char *const texts[] = {"",   "a",   "ab",  "abc", "b",         "%",
                                        "a%", "_b%", "%b%", "ab_", "\xc3\xa9%", "_"};
    struct tree *tree = new_tree(LITERAL);
    const char *chosen = texts[roll(sizeof texts / sizeof texts[0])];
    tree->literal.form = BYTES;
    tree->literal.size = strlen(chosen);
    memcpy(tree->literal.bytes, chosen, tree->literal.size);
    write_text("'%s'", chosen);
    return tree;
}

static struct tree *
draw_text(void)
{
    static const char *const names[] = {"t", "t2"};
    if (roll(3) == 0) {
        struct tree *tree = new_tree(CONCAT);
        tree->count = 2;
        write_text("(");
        tree->args[0] = draw_column(names, 2);
        write_text(" || ");
        tree->args[1] = roll(2) == 0 ? draw_text_literal() : draw_column(names, 2);
        write_text(")");
        return tree;
    }
    return roll(3) == 0 ? draw_text_literal() : draw_column(names, 2);
}

static struct tree *
draw_time(void)
{
    static const char *const names[] = {"day", "at"};
    static const struct {
        const char *text;
        int64_t us;
    } literals[] = {
        {"date '1970-01-02'", INT64_C(86400000000)},
        {"timestamp '1970-01-01 00:00:00.000002'", 2},
        {"date '0001-01-01'", -719162 * INT64_C(86400000000)},
        {"date '9999-12-31'", 2932896 * INT64_C(86400000000)},
    };
    if (roll(3) > 0) {
        return draw_column(names, 2);
    }
    struct tree *tree = new_tree(LITERAL);
    size_t i = roll(4);
    tree->literal.whole = literals[i].us;
    write_text("%s", literals[i].text);
    return tree;
}

static struct tree *
draw_operand(size_t form, unsigned depth)
{
    return form < 4 ? draw_number(depth) : form < 6 ? draw_text() : draw_time();
}

static struct tree *
draw_condition(unsigned depth)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
    struct tree *tree = new_tree(COMPARE);
    size_t form = roll(8);
    size_t choice = roll(10);
    tree->is_negated = roll(3) == 0;
    const char *negation = tree->is_negated ? "not " : "";
    if (choice == 0) {
        static const char *const bools[] = {"b"};
        tree->op = roll(2) == 0 ? IS_TRUE : OR;
        tree->detail = (unsigned)roll(2);
        tree->args[0] = draw_column(bools, 1);
        tree->count = 1;
        if (tree->op == IS_TRUE) {
            write_text(" is %s%s", negation, tree->detail != 0 ? "true" : "false");
        } else {
            tree->is_negated = false; /* the column itself */
        }
        return tree;
    }
    if (form >= 4 && form < 6 && choice < 4) {
        tree->op = choice == 1 ? PREFIX : LIKE;
        write_text("%s", tree->op == PREFIX ? "prefix(" : "");
        tree->is_negated = tree->op == LIKE && tree->is_negated;
        tree->args[0] = draw_text();
        write_text("%s", tree->op == PREFIX ? ", " : tree->is_negated ? " not like " : " like ");
        tree->args[1] = draw_text_literal();
        write_text("%s", tree->op == PREFIX ? ")" : "");
        tree->count = 2;
        return tree;
    }
    tree->args[0] = draw_operand(form, depth);
    tree->count = 1;
    if (choice < 5) {
        tree->detail = (unsigned)roll(6);
        tree->is_negated = false;
        write_text(" %s ", signs[tree->detail]);
    } else if (choice == 5) {
        tree->op = IS_NULL;
        write_text(" is %snull", negation);
        return tree;
    } else if (choice == 6) {
        tree->op = DISTINCT;
        write_text(" is %sdistinct from ", negation);
    } else if (choice < 9) {
        tree->op = BETWEEN;
        write_text(" %sbetween ", negation);
        tree->args[tree->count++] = draw_operand(form, depth);
        write_text(" and ");
    } else {
        size_t entries = 1 + roll(4);
        tree->op = IN;
        write_text(" %sin (", negation);
        for (size_t i = 0; i < entries; i++) {
            write_text("%s", i > 0 ? ", " : "");
            tree->args[tree->count++] =
                form < 4 && roll(5) > 0 ? draw_number_literal() : draw_operand(form, depth);
        }
        write_text(")");
        return tree;
    }
    tree->args[tree->count++] = draw_operand(form, depth);
    return tree;
}

static struct tree *
draw_truth(unsigned depth)
{
    size_t choice = roll(6);
    if (depth == 0 || choice < 2) {
        write_text("(");
        struct tree *condition = draw_condition(depth);
        write_text(")");
        return condition;
    }
    struct tree *tree = new_tree(choice < 4 ? AND : choice < 5 ? OR : NOT);
    tree->count = tree->op == NOT ? 1 : 2 + roll(2);
    write_text("%s", tree->op == NOT ? "not (" : "(");
    for (size_t i = 0; i < tree->count; i++) {
        write_text("%s", i == 0 ? "" : tree->op == AND ? " and " : " or ");
        tree->args[i] = draw_truth(depth - 1);
    }
    write_text(")");
    return tree;
}

/* ---- the interpreter ---- */

static struct value
truth(int known)
{
    return (struct value){.form = TRUTH, .is_null = known<0, .whole = known> 0 ? 1 : 0};
}

static double
real_of(const struct value *value)
{
    double power = 1;
    for (uint32_t i = 0; i < value->scale; i++) {
        power *= 10;
    }
    return value->form == REAL ? value->real : (double)value->whole / power;
}

static int
order(const struct value *a, const struct value *b)
{
    if (a->form == BYTES) {
        int bytes = fi_slice_compare(firn_bytes(a->bytes, a->size), firn_bytes(b->bytes, b->size));
        return (bytes > 0) - (bytes < 0);
    }
    if (a->form == REAL || b->form == REAL) {
        double x = real_of(a);
        double y = real_of(b);
        if (x != x || y != y) {
            return (x != x) - (y != y);
        }
        return (x > y) - (x < y);
    }
    int128 x = a->whole;
    int128 y = b->whole;
    for (uint32_t i = a->scale; i < b->scale; i++) {
        x *= 10;
    }
    for (uint32_t i = b->scale; i < a->scale; i++) {
        y *= 10;
    }
    return (x > y) - (x < y);
}

static int
compare(unsigned detail, const struct value *a, const struct value *b)
{
    int found = order(a, b);
    bool holds[] = {found == 0, found != 0, found<0, found <= 0, found> 0, found >= 0};
    return a->is_null || b->is_null ? -1 : holds[detail];
}

static bool
matches(const char *at, const char *end, const char *pattern, const char *pattern_end)
{
    if (pattern == pattern_end) {
        return at == end;
    }
    if (*pattern == '%') {
        return matches(at, end, pattern + 1, pattern_end) ||
               (at < end && matches(at + 1, end, pattern, pattern_end));
    }
    if (at == end) {
        return false;
    }
    if (*pattern == '_') {
        for (at++; at < end && ((uint8_t)*at & 0xc0) == 0x80; at++) {
        }
        return matches(at, end, pattern + 1, pattern_end);
    }
    return *at == *pattern && matches(at + 1, end, pattern + 1, pattern_end);
}

static struct value
column_value(const struct fixture_rows *rows, size_t place, size_t row)
{
    const struct fi_schema_column *column = &schema->columns[place];
    struct fi_cell cell = fixture_cell(&rows->columns[place], row);
    struct value value = {.is_null = cell.kind == FI_PHYSICAL_NONE};
    value.scale = column->scale;
    switch (rows->columns[place].kind) {
    case FI_PHYSICAL_BYTES:
        value.form = BYTES;
        if (!value.is_null) {
            value.size = cell.as.bytes.size;
            memcpy(value.bytes, cell.as.bytes.data, value.size);
        }
        break;
    case FI_PHYSICAL_F32:
        value.form = REAL;
        value.real = (double)cell.as.f32;
        break;
    case FI_PHYSICAL_F64:
        value.form = REAL;
        value.real = cell.as.f64;
        break;
    case FI_PHYSICAL_U64:
        value.form = column->type == FIRN_TYPE_BOOL ? TRUTH : WHOLE;
        value.whole = value.is_null ? 0 : (int128)cell.as.u64;
        break;
    default:
        value.whole = value.is_null ? 0 : (int128)cell.as.i64;
        value.whole *= column->type == FIRN_TYPE_DATE ? INT64_C(86400000000) : 1;
        break;
    }
    return value;
}

static struct value interpret(const struct tree *tree, const struct fixture_rows *rows, size_t row);

static int
known(struct value value)
{
    return value.is_null ? -1 : value.whole != 0;
}

static int
opposite(int truth_value)
{
    return truth_value < 0 ? -1 : !truth_value;
}

static struct value
arithmetic(const struct tree *tree, const struct value *a, const struct value *b)
{
    struct value out = {.is_null = a->is_null || b->is_null, .scale = a->scale};
    int128 x = a->whole;
    int128 y = b->whole;
    if (tree->op == MULTIPLY) {
        out.scale = a->scale + b->scale;
        out.whole = x * y;
        return out;
    }
    for (uint32_t i = b->scale; i < a->scale; i++) {
        y *= 10;
    }
    assert_true(a->scale >= b->scale);
    out.whole = tree->op == ADD ? x + y : x - y;
    return out;
}

static struct value
interpret_logic(const struct tree *tree, const struct fixture_rows *rows, size_t row)
{
    bool is_and = tree->op == AND;
    int result = is_and ? 1 : 0;
    for (size_t i = 0; i < tree->count; i++) {
        int part = known(interpret(tree->args[i], rows, row));
        if (part == (is_and ? 0 : 1)) {
            return truth(part);
        }
        result = part < 0 ? -1 : result;
    }
    return truth(result);
}

static struct value
interpret(const struct tree *tree, const struct fixture_rows *rows, size_t row)
{
    struct value values[6] = {{.is_null = false}};
    int result;
    switch (tree->op) {
    case COLUMN:
        return column_value(rows, tree->place, row);
    case LITERAL:
        return tree->literal;
    case AND:
    case OR:
        return interpret_logic(tree, rows, row);
    case CASE:
        for (size_t i = 0; i + 1 < tree->count; i += 2) {
            if (known(interpret(tree->args[i], rows, row)) == 1) {
                return interpret(tree->args[i + 1], rows, row);
            }
        }
        return tree->count == 5 ? interpret(tree->args[4], rows, row)
                                : (struct value){.is_null = true};
    default:
        break;
    }
    for (size_t i = 0; i < tree->count; i++) {
        values[i] = interpret(tree->args[i], rows, row);
    }
    struct value *a = &values[0];
    struct value *b = &values[1];
    switch (tree->op) {
    case ADD:
    case SUBTRACT:
    case MULTIPLY:
        return arithmetic(tree, a, b);
    case COALESCE:
        return a->is_null ? *b : *a;
    case CONCAT:
        a->is_null |= b->is_null;
        memcpy(a->bytes + a->size, b->bytes, b->size);
        a->size += b->size;
        return *a;
    case COMPARE:
        return truth(compare(tree->detail, a, b));
    case NOT:
        return truth(opposite(known(*a)));
    case IS_NULL:
        return truth(a->is_null != tree->is_negated);
    case IS_TRUE:
        return truth((known(*a) == (int)tree->detail) != tree->is_negated);
    case DISTINCT: {
        bool is_same = a->is_null || b->is_null ? a->is_null && b->is_null : order(a, b) == 0;
        return truth(!is_same != tree->is_negated);
    }
    case LIKE:
    case PREFIX:
        if (a->is_null || b->is_null) {
            return truth(-1);
        }
        result =
            tree->op == LIKE
                ? matches(a->bytes, a->bytes + a->size, b->bytes, b->bytes + b->size)
                : fi_slice_has_prefix(firn_bytes(a->bytes, a->size), firn_bytes(b->bytes, b->size));
        break;
    case BETWEEN: {
        int low = compare(5, a, b);
        int high = compare(3, a, &values[2]);
        result = low == 0 || high == 0 ? 0 : low < 0 || high < 0 ? -1 : 1;
        break;
    }
    default:
        assert_int_equal(tree->op, IN);
        result = 0;
        for (size_t i = 1; i < tree->count && result != 1; i++) {
            int equal = compare(0, a, &values[i]);
            result = equal == 1 ? 1 : equal < 0 ? -1 : result;
        }
        break;
    }
    return truth(tree->is_negated ? opposite(result) : result);
}

/* ---- the tests ---- */

/* Conditions on chunks, and the rest. */
static void
filter_split(const struct fi_expr *expr, const struct fixture_rows *rows, uint64_t *mask)
{
    struct fi_expr_where where;
    firn_error err;
    assert_int_equal(fi_expr_split(expr, &where, &err), FIRN_OK);
    for (size_t i = 0; i < where.count; i++) {
        const struct fi_expr_condition *condition = &where.conditions[i];
        const struct fi_chunk_values *values = &rows->columns[condition->place];
        struct fi_chunk_scratch scratch = {.numbers = {.data = NULL}};
        struct fi_buf bytes = {.data = NULL};
        struct fi_chunk chunk;
        assert_int_equal(fi_chunk_encode(values, &bytes, NULL, &err), FIRN_OK);
        assert_int_equal(fi_chunk_open(fi_buf_slice(&bytes), values->kind, values->fixed_size,
                                       (uint32_t)values->count, &chunk, &err),
                         FIRN_OK);
        assert_int_equal(
            fi_chunk_filter_block(&chunk, 0, &condition->predicate, &scratch, mask, &err), FIRN_OK);
        fi_chunk_scratch_deinit(&scratch);
        fi_buf_deinit(&bytes);
    }
    if (where.is_never) {
        memset(mask, 0, FI_CHUNK_MASK_WORDS * sizeof *mask);
    }
    if (where.rest != NULL) {
        const struct fi_expr *exprs[] = {where.rest};
        struct fi_expr_batch batch = {
            .count = rows->count, .wanted = mask, .columns = rows->columns};
        struct fi_expr_eval *eval;
        assert_int_equal(fi_expr_eval_create(exprs, 1, &eval, &err), FIRN_OK);
        fi_expr_eval_begin(eval, &batch);
        assert_int_equal(fi_expr_eval_filter(eval, 0, mask, &err), FIRN_OK);
        fi_expr_eval_destroy(eval);
    }
    fi_expr_where_deinit(&where);
}

static void
check_expression(const struct tree *tree, const struct fixture_rows *rows, size_t *kept)
{
    struct fi_expr *expr = fixture_expr(schema, text);
    const struct fi_expr *exprs[] = {expr};
    uint64_t wanted[FI_CHUNK_MASK_WORDS] = {0};
    uint64_t all[FI_CHUNK_MASK_WORDS] = {0};
    uint64_t mask[FI_CHUNK_MASK_WORDS];
    struct fi_expr_eval *eval;
    struct fi_chunk_values values;
    firn_error err;
    for (size_t row = 0; row < rows->count; row++) {
        wanted[row / 64] |= (uint64_t)(roll(4) > 0) << row % 64;
        all[row / 64] |= UINT64_C(1) << row % 64;
    }
    struct fi_expr_batch batch = {.count = rows->count, .wanted = wanted, .columns = rows->columns};
    memset(mask, 0xff, sizeof mask);
    assert_int_equal(fi_expr_eval_create(exprs, 1, &eval, &err), FIRN_OK);
    fi_expr_eval_begin(eval, &batch);
    assert_int_equal(fi_expr_eval_values(eval, 0, &values, &err), FIRN_OK);
    assert_int_equal(fi_expr_eval_filter(eval, 0, mask, &err), FIRN_OK);
    filter_split(expr, rows, all);
    for (size_t row = 0; row < rows->count; row++) {
        bool is_wanted = (wanted[row / 64] >> row % 64 & 1) != 0;
        int expected = known(interpret(tree, rows, row));
        struct fi_cell cell = fixture_cell(&values, row);
        int found = cell.kind == FI_PHYSICAL_NONE ? -1 : (int)cell.as.u64;
        if ((is_wanted && found != expected) ||
            (mask[row / 64] >> row % 64 & 1) != (is_wanted && expected == 1) ||
            (all[row / 64] >> row % 64 & 1) != (expected == 1)) {
            fail_msg("row %zu: %d, not %d (split: %d): %s", row, found, expected,
                     (int)(all[row / 64] >> row % 64 & 1), text);
        }
        *kept += expected == 1 ? 1 : 0;
    }
    fi_expr_eval_destroy(eval);
    fi_expr_destroy(expr);
}

static void
random_conditions_agree_with_an_interpreter(void **state)
{
    enum { ROUNDS = 4000 };
    struct fixture_rows *rows = malloc(sizeof *rows);
    size_t kept = 0;
    size_t total = 0;
    assert_non_null(rows);
    schema = fixture_schema();
    test_random_init(&dice, "expr_random", 20261123);
    for (size_t round = 0; round < ROUNDS; round++) {
        static const size_t counts[] = {1, 63, 64, 65, 100, 200};
        if (round % 10 == 0) {
            size_t count = round % 400 == 0 ? 1024 : counts[roll(6)];
            fixture_draw(&dice, schema, count, roll(3) == 0 ? 0 : 2 + roll(8), rows);
        }
        pool_used = 0;
        text_size = 0;
        struct tree *tree = draw_truth((unsigned)roll(4));
        check_expression(tree, rows, &kept);
        total += rows->count;
    }
    printf("%d expressions, %zu of %zu rows kept\n", (int)ROUNDS, kept, total);
    assert_true(kept > total / 10 && kept < total * 9 / 10);
    fi_schema_unref(schema);
    free(rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_conditions_agree_with_an_interpreter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
