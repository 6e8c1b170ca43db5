/*
 * tlog: known roots and proofs, all sizes up to 70 against a tree computed by the definition, each
 * bit of a proof turned over, texts in the wrong form.
 */
#include "../../dockd/tlog.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LEAVES 70

static struct tlog_hash leaf[LEAVES], store[2 * LEAVES + 64];
static struct tlog_edge edge;
static uint64_t stored;

static int from_store(void *arg, uint64_t index, struct tlog_hash *out)
{
	(void)arg;
	if (index >= stored)
		return -ERANGE;
	*out = store[index];
	return 0;
}

static void add(uint64_t n)
{
	struct tlog_hash fresh[TLOG_DEPTH];
	unsigned count = tlog_edge_add(&edge, &leaf[n], fresh);

	memcpy(&store[stored], fresh, count * sizeof(fresh[0]));
	stored += count;
	assert_int_equal(edge.size, n + 1);
}

/* MTH of RFC 6962, 2.1, as it is defined. */
static void naive(const struct tlog_hash *from, uint64_t n, struct tlog_hash *out)
{
	struct tlog_hash left, right;
	uint64_t k = 1;

	if (n == 1) {
		*out = *from;
		return;
	}
	while (k * 2 < n)
		k *= 2;
	naive(from, k, &left);
	naive(from + k, n - k, &right);
	tlog_node(&left, &right, out);
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < LEAVES; i++) {
		char line[32];

		snprintf(line, sizeof(line), "{\"seq\":%d}", i + 1);
		tlog_leaf(line, strlen(line), &leaf[i]);
	}
	stored = 0;
	memset(&edge, 0, sizeof(edge));
	for (uint64_t i = 0; i < LEAVES; i++)
		add(i);
	return 0;
}

static void expect_hex(const struct tlog_hash *h, const char *hex)
{
	char text[65];

	for (size_t i = 0; i < TLOG_HASH_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", h->bytes[i]);
	assert_string_equal(text, hex);
}

/* The eight leaves that implementations of RFC 6962 share, and the roots over them. */
static void known_roots(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *root;
	} known[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "\x20\x21", 2,
		    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "\x30\x31", 2,
		    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "\x40\x41\x42\x43", 4,
		    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
		    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	struct tlog_hash root;

	(void)state;
	assert_int_equal(tlog_root(0, from_store, NULL, &root), 0);
	expect_hex(&root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	stored = 0;
	memset(&edge, 0, sizeof(edge));
	for (uint64_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		tlog_leaf(known[i].bytes, known[i].len, &leaf[i]);
		add(i);
		assert_int_equal(tlog_root(i + 1, from_store, NULL, &root), 0);
		expect_hex(&root, known[i].root);
	}
}

static void where_hashes_stand(void **state)
{
	(void)state;
	/* leaves 0, 1, their parent, 2, 3, their parent, the parent of both */
	assert_int_equal(tlog_stored_index(0, 0), 0);
	assert_int_equal(tlog_stored_index(0, 1), 1);
	assert_int_equal(tlog_stored_index(1, 0), 2);
	assert_int_equal(tlog_stored_index(0, 2), 3);
	assert_int_equal(tlog_stored_index(0, 3), 4);
	assert_int_equal(tlog_stored_index(1, 1), 5);
	assert_int_equal(tlog_stored_index(2, 0), 6);
	assert_int_equal(tlog_stored_count(0), 0);
	assert_int_equal(tlog_stored_count(4), 7);
	assert_int_equal(tlog_stored_count(LEAVES), stored);
	for (uint64_t n = 0; n < LEAVES; n++)
		assert_int_equal(tlog_stored_index(0, n), tlog_stored_count(n));
	/* and at sizes that nobody reaches: no overflow */
	assert_int_equal(tlog_stored_index(0, SIZE_MAX_LEAVES), tlog_stored_count(SIZE_MAX_LEAVES));
	assert_int_equal(tlog_root(SIZE_MAX_LEAVES + 1, from_store, NULL, leaf), -EOVERFLOW);
}

static void roots_of_all_sizes(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= LEAVES; n++) {
		struct tlog_hash is, should;

		assert_int_equal(tlog_root(n, from_store, NULL, &is), 0);
		naive(leaf, n, &should);
		assert_memory_equal(&is, &should, sizeof(is));
		tlog_edge_read(n, from_store, NULL, &edge);
		tlog_edge_root(&edge, &is);
		assert_memory_equal(&is, &should, sizeof(is));
	}
}

static void each_leaf_in_each_tree(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= LEAVES; n++) {
		struct tlog_hash root;

		tlog_root(n, from_store, NULL, &root);
		for (uint64_t i = 0; i < n; i++) {
			struct tlog_hash path[TLOG_DEPTH];
			int count = tlog_prove(n, i, from_store, NULL, path);
			size_t length = (size_t)count;

			assert_in_range(count, 0, 7);
			assert_true(tlog_is_in(n, i, &leaf[i], path, length, &root));
			for (uint64_t k = 0; k < n; k++)
				assert_true(
				    k == i || !tlog_is_in(n, k, &leaf[i], path, length, &root));
			assert_false(
			    tlog_is_in(n, i, &leaf[(i + 1) % LEAVES], path, length, &root));
			assert_false(tlog_is_in(n, n, &leaf[i], path, length, &root));
			path[length] = root;
			assert_false(tlog_is_in(n, i, &leaf[i], path, length + 1, &root));
			if (length > 0)
				assert_false(tlog_is_in(n, i, &leaf[i], path, length - 1, &root));
		}
		assert_int_equal(tlog_prove(n, n, from_store, NULL, store), -EINVAL);
	}
	assert_false(tlog_is_in(0, 0, leaf, NULL, 0, leaf));
}

static void each_tree_is_the_beginning_of_each_later_one(void **state)
{
	(void)state;
	for (uint64_t n = 0; n <= LEAVES; n++) {
		struct tlog_hash root;

		tlog_root(n, from_store, NULL, &root);
		for (uint64_t old = 0; old <= n; old++) {
			struct tlog_hash path[TLOG_DEPTH * 2], old_root;
			int count = tlog_prove_growth(n, old, from_store, NULL, path);
			size_t length = (size_t)count;

			assert_in_range(count, 0, 8);
			tlog_root(old, from_store, NULL, &old_root);
			assert_true(tlog_has_grown(n, &root, old, &old_root, path, length));
			if (old > 0 && old < n) {
				assert_false(
				    tlog_has_grown(n, &root, old, &leaf[0], path, length) &&
				    old > 1);
				assert_false(
				    tlog_has_grown(n, &old_root, old, &old_root, path, length));
				assert_false(
				    tlog_has_grown(n, &root, old, &old_root, path, length - 1));
			}
			path[length] = root;
			assert_false(tlog_has_grown(n, &root, old, &old_root, path, length + 1));
			assert_false(tlog_has_grown(old, &root, n + 1, &old_root, path, length));
		}
		assert_int_equal(tlog_prove_growth(n, n + 1, from_store, NULL, store), -EINVAL);
	}
}

static void each_bit_of_a_proof_counts(void **state)
{
	static const uint64_t sizes[] = { 2, 5, 8, 13, 37, 64, 70 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct tlog_hash root, old_root, path[TLOG_DEPTH * 2];
		uint64_t n = sizes[s], index = n * 2 / 3, old = n / 2 + 1 < n ? n / 2 + 1 : 1;
		int count = tlog_prove(n, index, from_store, NULL, path);

		tlog_root(n, from_store, NULL, &root);
		tlog_root(old, from_store, NULL, &old_root);
		for (int bit = 0; bit < count * 256; bit++) {
			path[bit / 256].bytes[bit / 8 % 32] ^= (uint8_t)(1u << bit % 8);
			assert_false(
			    tlog_is_in(n, index, &leaf[index], path, (size_t)count, &root));
			path[bit / 256].bytes[bit / 8 % 32] ^= (uint8_t)(1u << bit % 8);
		}
		count = tlog_prove_growth(n, old, from_store, NULL, path);
		for (int bit = 0; bit < count * 256; bit++) {
			path[bit / 256].bytes[bit / 8 % 32] ^= (uint8_t)(1u << bit % 8);
			assert_false(tlog_has_grown(n, &root, old, &old_root, path, (size_t)count));
			path[bit / 256].bytes[bit / 8 % 32] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* What cannot be read is said, not guessed. */
static void a_store_with_a_hole(void **state)
{
	struct tlog_hash h[TLOG_DEPTH * 2];

	(void)state;
	stored = 5;
	assert_int_equal(tlog_root(LEAVES, from_store, NULL, h), -ERANGE);
	assert_int_equal(tlog_prove(LEAVES, 60, from_store, NULL, h), -ERANGE);
	assert_int_equal(tlog_prove_growth(LEAVES, 60, from_store, NULL, h), -ERANGE);
}

static void checkpoints_as_text(void **state)
{
	static const char good[] =
	    "dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
	static const char *const bad[] = {
		"",
		"\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"dockd/north\n070\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n-7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n99999999999999999999\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n9999999999999999999\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSAAA\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n",
		"dockd/north\n70\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
	};
	struct tlog_checkpoint c;
	char text[300], longest[NOTE_NAME_LEN + sizeof(good)];

	(void)state;
	assert_int_equal(tlog_checkpoint_parse(good, strlen(good), &c), 0);
	assert_string_equal(c.origin, "dockd/north");
	assert_int_equal(c.size, 70);
	assert_int_equal(tlog_checkpoint_format(&c, text, sizeof(text)), strlen(good));
	assert_string_equal(text, good);
	assert_int_equal(tlog_checkpoint_format(&c, text, strlen(good)), -ENOSPC);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tlog_checkpoint_parse(bad[i], strlen(bad[i]), &c), -EBADMSG);
	for (size_t n = 0; n < strlen(good); n++)
		assert_int_equal(tlog_checkpoint_parse(good, n, &c), -EBADMSG);
	memset(longest, 'x', NOTE_NAME_LEN);
	memcpy(longest + NOTE_NAME_LEN, good + 11, sizeof(good) - 11);
	assert_int_equal(tlog_checkpoint_parse(longest, strlen(longest), &c), -EBADMSG);
	assert_int_equal(tlog_checkpoint_parse(longest + 1, strlen(longest) - 1, &c), 0);
}

static void proofs_as_text(void **state)
{
	static const char checkpoint[] = "dockd/north\n70\nroot\n\n— dockd/north AAECAwQ=\n";
	struct tlog_hash path[TLOG_DEPTH], back[TLOG_DEPTH];
	int count = tlog_prove(LEAVES, 41, from_store, NULL, path), n;
	const char *note;
	char text[4096];
	uint64_t index;

	(void)state;
	n = tlog_proof_format(41, path, (size_t)count, checkpoint, text, sizeof(text));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(text, "c2sp.org/tlog-proof@v1\nindex 41\n", 32);
	assert_int_equal(tlog_proof_parse(text, (size_t)n, &index, back, &note), count);
	assert_int_equal(index, 41);
	assert_string_equal(note, checkpoint);
	assert_memory_equal(back, path, (size_t)count * sizeof(path[0]));
	for (int room = 0; room <= n; room++)
		assert_int_equal(
		    tlog_proof_format(41, path, (size_t)count, checkpoint, text, (size_t)room),
		    -ENOSPC);
	tlog_proof_format(41, path, (size_t)count, checkpoint, text, sizeof(text));
	for (size_t cut = 0; cut < (size_t)(note - text); cut++)
		assert_int_equal(tlog_proof_parse(text, cut, &index, back, &note), -EBADMSG);
	/* no leading zero, no other version, no line of 32 bytes that is none, no 65th hash */
	memcpy(text + 23, "index 07\n", 9);
	assert_int_equal(tlog_proof_parse(text, (size_t)n, &index, back, &note), -EBADMSG);
	memcpy(text + 23, "index 41\n", 9);
	text[21] = '2';
	assert_int_equal(tlog_proof_parse(text, (size_t)n, &index, back, &note), -EBADMSG);
	text[21] = '1';
	text[40] = '-';
	assert_int_equal(tlog_proof_parse(text, (size_t)n, &index, back, &note), -EBADMSG);
	for (int i = count; i < TLOG_DEPTH; i++)
		path[i] = path[0];
	n = tlog_proof_format(41, path, TLOG_DEPTH, checkpoint, text, sizeof(text));
	assert_int_equal(tlog_proof_parse(text, (size_t)n, &index, back, &note), TLOG_DEPTH);
	memmove(text + 32 + 45, text + 32, (size_t)n + 1 - 32);
	assert_int_equal(tlog_proof_parse(text, (size_t)n + 45, &index, back, &note), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(known_roots, setup),
		cmocka_unit_test_setup(where_hashes_stand, setup),
		cmocka_unit_test_setup(roots_of_all_sizes, setup),
		cmocka_unit_test_setup(each_leaf_in_each_tree, setup),
		cmocka_unit_test_setup(each_tree_is_the_beginning_of_each_later_one, setup),
		cmocka_unit_test_setup(each_bit_of_a_proof_counts, setup),
		cmocka_unit_test_setup(a_store_with_a_hole, setup),
		cmocka_unit_test_setup(checkpoints_as_text, setup),
		cmocka_unit_test_setup(proofs_as_text, setup),
	};

	return cmocka_run_group_tests_name("tlog", tests, NULL, NULL);
}
