from collections import Counter
from functools import cache

import pytest

from edarl.errors import ConfigError
from edarl.prefix.graph import MAX_WIDTH, MIN_WIDTH, PrefixGraph
from edarl.prefix.structures import REGULAR, STRUCTURES, structure
from tests.prefix import slow

WIDTHS = range(MIN_WIDTH, MAX_WIDTH + 1)
POWERS = [2**exponent for exponent in range(1, 9)]


def ceil_log2(number: int) -> int:
    return (number - 1).bit_length()


def floor_log2(number: int) -> int:
    return number.bit_length() - 1


def figures(name: str, width: int) -> tuple[int, int]:
    graph = structure(name, width)
    assert graph.width == width
    return graph.size, graph.depth


# ---------------------------------------------------------------- node counts and depths


def test_ripple_has_width_minus_1_nodes_in_as_many_levels() -> None:
    for width in WIDTHS:
        assert figures("ripple", width) == (width - 1, width - 1)


def test_sklansky_has_one_node_per_set_bit_of_every_index_and_least_depth() -> None:
    for width in WIDTHS:
        nodes = sum(index.bit_count() for index in range(width))
        assert figures("sklansky", width) == (nodes, ceil_log2(width))


@pytest.mark.parametrize("width", POWERS)
def test_sklansky_has_half_n_log2_n_nodes_and_fanout_half_n(width: int) -> None:
    graph = structure("sklansky", width)
    assert graph.size == width // 2 * floor_log2(width)
    assert graph.max_fanout == max(1, width // 2)


def test_kogge_stone_has_n_minus_span_nodes_at_each_level_and_least_depth() -> None:
    for width in WIDTHS:
        levels = ceil_log2(width)
        nodes = width * levels - (2**levels - 1)
        assert figures("kogge_stone", width) == (nodes, levels)


@pytest.mark.parametrize("width", POWERS)
def test_kogge_stone_has_n_log2_n_minus_n_plus_1_nodes(width: int) -> None:
    assert structure("kogge_stone", width).size == width * floor_log2(width) - width + 1


def test_kogge_stone_uses_no_node_more_than_twice_per_side() -> None:
    # each node feeds its own column once more and, at each later level, one other column
    for width in (8, 16, 33):
        graph = structure("kogge_stone", width)
        uppers = Counter(upper for _, upper, _ in graph.parents())
        interior_lowers = Counter(lower for _, _, lower in graph.parents() if lower.lsb > 0)
        assert max(uppers.values()) == 1
        assert max(interior_lowers.values()) == 1


def test_brent_kung_is_a_binary_tree_up_and_down() -> None:
    for width in WIDTHS:
        up = width - width.bit_count()
        down = width - 1 - floor_log2(width)
        depth = max(
            floor_log2(bits) + bits.bit_count() - 1 for bits in range(1, width + 1)
        )  # bits = msb + 1: as many joins as it has set bits, on top of its largest tree
        assert figures("brent_kung", width) == (up + down, depth)


@pytest.mark.parametrize("width", POWERS[1:])
def test_brent_kung_has_2n_minus_2_minus_log2n_nodes_and_2log2n_minus_2_levels(width: int) -> None:
    log2 = floor_log2(width)
    assert figures("brent_kung", width) == (2 * width - 2 - log2, 2 * log2 - 2)


def test_han_carlson_is_kogge_stone_on_odd_bits_and_one_more_level() -> None:
    for width in WIDTHS:
        odd = range(1, width, 2)
        even = range(2, width, 2)
        nodes = sum(floor_log2(msb) + 1 for msb in odd) + len(even)
        depth = max([ceil_log2(odd[-1] + 1), *(ceil_log2(msb) + 1 for msb in even)])
        assert figures("han_carlson", width) == (nodes, depth)


@cache
def ladner_fischer_nodes(extra: int, width: int) -> int:
    """The recurrences of the paper's construction."""
    if width == 1:
        return 0
    high = (width + 1) // 2
    if extra == 0:
        low = width // 2
        return ladner_fischer_nodes(1, high) + ladner_fischer_nodes(0, low) + low
    return ladner_fischer_nodes(extra - 1, high) + width - 1 - width % 2


@pytest.mark.parametrize("extra", range(9))
def test_ladner_fischer_has_the_nodes_of_its_recurrence_and_at_most_k_more_levels(
    extra: int,
) -> None:
    for width in WIDTHS:
        nodes, depth = figures(f"ladner_fischer:{extra}", width)
        assert nodes == ladner_fischer_nodes(extra, width)
        assert ceil_log2(width) <= depth <= ceil_log2(width) + extra


def test_ladner_fischer_0_has_the_least_depth() -> None:
    for width in WIDTHS:
        assert structure("ladner_fischer:0", width).depth == ceil_log2(width)


@pytest.mark.parametrize(
    ("name", "width", "nodes", "depth"),
    [
        ("sklansky", 32, 80, 5),
        ("kogge_stone", 32, 129, 5),
        ("brent_kung", 32, 57, 8),
        ("han_carlson", 32, 80, 6),
        ("ladner_fischer:0", 16, 31, 4),
        ("ladner_fischer:0", 32, 74, 5),
        ("ladner_fischer:0", 64, 168, 6),
        ("ladner_fischer:1", 32, 62, 6),
        ("ladner_fischer:2", 32, 58, 7),
        ("ladner_fischer:3", 32, 57, 8),
        ("ladner_fischer:1", 64, 137, 7),
        ("ladner_fischer:2", 64, 125, 8),
        ("ladner_fischer:3", 64, 121, 9),
        ("sparse_kogge_stone:4", 64, 143, 8),
        ("sparse_sklansky:4", 64, 126, 8),
    ],
)
def test_published_figures(name: str, width: int, nodes: int, depth: int) -> None:
    assert figures(name, width) == (nodes, depth)


# ---------------------------------------------------------------- Knowles


def non_rising_lists(levels: int) -> list[tuple[int, ...]]:
    """Every Knowles list of that many levels, outputs first."""
    lists: list[tuple[int, ...]] = [()]
    for level in range(levels):  # from the inputs: put the next level in front
        lists = [
            (1 << power, *rest)
            for rest in lists
            for power in range(level + 1)
            if not rest or 1 << power >= rest[0]
        ]
    return lists


def knowles(fanouts: tuple[int, ...], width: int) -> PrefixGraph | None:
    try:
        return structure(f"knowles:{','.join(map(str, fanouts))}", width)
    except ConfigError:
        return None


def test_knowles_lists_are_as_many_as_published() -> None:
    # the Catalan numbers: 5 for 8 bits, 14 for 16 bits
    assert [len(non_rising_lists(levels)) for levels in range(1, 8)] == [1, 2, 5, 14, 42, 132, 429]


def test_knowles_ends_are_kogge_stone_and_sklansky_at_every_width() -> None:
    for width in WIDTHS:
        levels = ceil_log2(width)
        sklansky = tuple(1 << level for level in reversed(range(levels)))
        assert knowles((1,) * levels, width) == structure("kogge_stone", width)
        assert knowles(sklansky, width) == structure("sklansky", width)


def test_knowles_has_least_depth_and_the_fanouts_it_was_asked_for() -> None:
    built = Counter[int]()
    for levels in range(1, 6):
        width = 1 << levels
        for fanouts in non_rising_lists(levels):
            graph = knowles(fanouts, width)
            if graph is None:
                continue
            built[levels] += 1
            assert graph.depth == levels
            for level, fanout in enumerate(reversed(fanouts)):
                uses = Counter(
                    lower
                    for node, _, lower in graph.parents()
                    if node.lsb == 0 and 1 << level <= node.msb < 2 << level
                )
                assert set(uses.values()) == {fanout}
    assert built == {1: 1, 2: 2, 3: 5, 4: 12, 5: 28}


def test_knowles_names_the_nearest_list_that_needs_no_overlap() -> None:
    for levels in range(2, 7):
        for fanouts in non_rising_lists(levels):
            if knowles(fanouts, 1 << levels) is None:
                with pytest.raises(ConfigError) as caught:
                    structure(f"knowles:{','.join(map(str, fanouts))}", 1 << levels)
                suggested = str(caught.value).rpartition(" is ")[2]
                raised = tuple(int(item) for item in suggested.partition(":")[2].split(","))
                assert all(new >= old for new, old in zip(raised, fanouts, strict=True))
                assert structure(suggested, 1 << levels).depth == levels


@pytest.mark.parametrize("width", [3, 6, 11, 23, 47])
def test_knowles_has_least_depth_at_widths_between_powers(width: int) -> None:
    built = [knowles(fanouts, width) for fanouts in non_rising_lists(ceil_log2(width))]
    depths = {graph.depth for graph in built if graph is not None}
    assert depths == {ceil_log2(width)}


# ---------------------------------------------------------------- sparse


def test_sparse_kogge_stone_2_is_han_carlson() -> None:
    for width in WIDTHS:
        assert structure("sparse_kogge_stone:2", width) == structure("han_carlson", width)


def test_one_block_is_brent_kung() -> None:
    for width in POWERS:
        for name in ("sparse_kogge_stone", "sparse_sklansky"):
            assert structure(f"{name}:{width}", width) == structure("brent_kung", width)


@pytest.mark.parametrize("network", ["kogge_stone", "sklansky"])
def test_sparse_has_trees_a_network_and_one_node_per_bit_between(network: str) -> None:
    for width in (16, 64, 256):
        for block in (2, 4, 8):
            between = width - width // block
            nodes = structure(network, width // block).size + 2 * between - floor_log2(block)
            # up the tree, through the network to the last block but one, down the last block
            depth = 2 * floor_log2(block) + ceil_log2(width // block - 1)
            assert figures(f"sparse_{network}:{block}", width) == (nodes, depth)


@pytest.mark.parametrize("name", ["sparse_kogge_stone", "sparse_sklansky"])
@pytest.mark.parametrize("block", [2, 3, 4, 5, 8])
def test_sparse_is_shallower_than_ripple_over_blocks_at_every_width(name: str, block: int) -> None:
    for width in range(block, MAX_WIDTH + 1):
        nodes, depth = figures(f"{name}:{block}", width)
        network = structure(name.removeprefix("sparse_"), max(2, width // block)).size
        assert depth <= 2 * ceil_log2(block) + ceil_log2(max(1, width // block))
        assert nodes <= network + 2 * width


# ---------------------------------------------------------------- all of them


EXAMPLES = (*REGULAR, "knowles:2,2,1", "sparse_kogge_stone:3", "sparse_sklansky:2")


@pytest.mark.parametrize("name", EXAMPLES)
def test_structures_are_legal_by_definition(name: str) -> None:
    for width in (5, 6, 7, 8) if name.startswith("knowles") else (3, 6, 8, 13):
        graph = structure(name, width)
        assert slow.is_legal(slow.complete(width, graph.nodes()))


def test_regular_names_the_nine_structures_of_the_comparisons() -> None:
    assert REGULAR == (
        "ripple",
        "sklansky",
        "kogge_stone",
        "brent_kung",
        "han_carlson",
        "ladner_fischer:0",
        "ladner_fischer:1",
        "ladner_fischer:2",
        "ladner_fischer:3",
    )


DIGESTS = {
    8: "077cf0b106d350cc021b33349b552f3b 6054ddb999c29ce434d735204f5655d6 "
    "a46fef9c817a5d1794d44870cbb33060 2d9769b6f9bb41efaeddd50d77a2cce5 "
    "35aba132f273a3e238530c83386d8c59 6054ddb999c29ce434d735204f5655d6 "
    "2d9769b6f9bb41efaeddd50d77a2cce5 2d9769b6f9bb41efaeddd50d77a2cce5 "
    "2d9769b6f9bb41efaeddd50d77a2cce5",
    16: "f2aa2dd60442093555ec2ea1142c18cb 743db23be9c9c8712473246ef7a3afe0 "
    "fb452b9450c462496956957343ca62d0 20c6a662f715dd01d93275e2fa56c58b "
    "804c773fd22e55f331dde2615de6a49b 9999cc624f2950c81259f81b901fc9cf "
    "b452751d6713a3d871807106edc2f25d 20c6a662f715dd01d93275e2fa56c58b "
    "20c6a662f715dd01d93275e2fa56c58b",
    32: "77c3dd5ab7e0c31166803f46fc3594d8 34b96100afa1690bc17f3afcf30b2685 "
    "dfecc7c926f9f77fc17aa289a4836225 4a09ddd4d4bbd1aa8f07c1a8d2111d2c "
    "169c49234b18e06fafcbefd2c54b839e f880600fd42cfcbcc02e0480b49539ef "
    "4306a028101a22ac2ec203804a6729a6 3fe3426ea2c5fbdd82ad6b4c3223d0f2 "
    "4a09ddd4d4bbd1aa8f07c1a8d2111d2c",
    64: "8823a7d346fe5e9e81a0c71ff13fe5df 5d10612c8ccaea06477abfa3e2663db9 "
    "2b18b0527b2b22f2fd8ae291527483d0 626097047e6157a03347ba7d3043666b "
    "fa5883e6ba1f1deb80b402098e5fed54 46177cda3a8d5a3459c190dccb152f91 "
    "03081746fa316a9175fed607eb69a76c b1043d6db1977b5d1ba4ae56cfaead11 "
    "b396ada14b0484a7c2a9e185b83a9819",
}


@pytest.mark.parametrize("width", DIGESTS)
def test_the_graphs_that_published_comparisons_use_never_change(width: int) -> None:
    digests = [structure(name, width).digest for name in REGULAR]
    assert digests == DIGESTS[width].split()


def test_the_table_says_how_each_name_is_spelled() -> None:
    assert list(STRUCTURES) == [
        "ripple",
        "sklansky",
        "kogge_stone",
        "brent_kung",
        "han_carlson",
        "ladner_fischer",
        "knowles",
        "sparse_kogge_stone",
        "sparse_sklansky",
    ]
    for name, entry in STRUCTURES.items():
        assert entry.name == name
        assert entry.summary
        assert bool(entry.parameters) == bool(entry.parameters_summary) == (":" in entry.usage)
    assert STRUCTURES["ladner_fischer"].usage == "ladner_fischer:K"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["sklansky", "ladner_fischer:1", "knowles:1,1,1"])
@pytest.mark.parametrize("width", [-8, 0, 1, 257, 800])
def test_a_width_out_of_range_is_refused(name: str, width: int) -> None:
    with pytest.raises(ConfigError) as caught:
        structure(name, width)
    assert str(caught.value) == f"`width` should be between 2 and 256, actual value: {width}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sklanski", "did you mean sklansky"),
        ("kogge-stone", "did you mean kogge_stone"),
        ("Brent_Kung", "did you mean brent_kung"),
        ("ladner_fisher:2", "did you mean ladner_fischer"),
    ],
)
def test_an_unknown_name_comes_with_close_ones(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        structure(name, 8)
    assert "ladner_fischer:K, knowles:F,F,..., sparse_kogge_stone:S" in str(caught.value)


def test_a_name_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"actual value: '#'$"):
        structure("#", 8)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sklansky:2", "sklansky takes no parameters, actual value: 'sklansky:2'"),
        ("ripple:", "ripple takes no parameters, actual value: 'ripple:'"),
        ("ladner_fischer", "`structure` should read ladner_fischer:K with one K between 0 and 8; "
         "actual value: 'ladner_fischer'"),
        ("ladner_fischer:-1", "with one K between 0 and 8; actual value: 'ladner_fischer:-1'"),
        ("ladner_fischer:\u0662", "with one K between 0 and 8"),
        ("ladner_fischer:1000000000000", "with one K between 0 and 8"),
        ("ladner_fischer:9", "ladner_fischer:K should have one K between 0 and 8, actual value: 9"),
        ("ladner_fischer:1,2", "should have one K between 0 and 8, actual value: 1,2"),
        ("knowles:2,1", "knowles at 16 bits should have 4 fanouts from the outputs to the inputs, "
         "powers of two that do not rise, at most 8,4,2,1; actual value: 2,1"),
        ("knowles:1,2,1,1", "powers of two that do not rise"),
        ("knowles:3,1,1,1", "powers of two that do not rise"),
        ("knowles:0,0,0,0", "powers of two that do not rise"),
        ("knowles:16,4,2,1", "at most 8,4,2,1"),
        ("knowles:1,,1,1", "should read knowles:F,F,... with one fanout per level"),
        ("knowles:2,1,1,1", "knowles:2,1,1,1 joins overlapping spans, which a prefix graph cannot "
         "hold; the nearest one without overlap is knowles:2,2,1,1"),
        ("sparse_sklansky:1", "sparse_sklansky:S should have one S between 2 and the width, 16; "
         "actual value: 1"),
        ("sparse_kogge_stone:17", "one S between 2 and the width, 16; actual value: 17"),
        ("sparse_kogge_stone:2,2", "one S between 2 and the width, 16; actual value: 2,2"),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_with_the_range(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structure(name, 16)
    assert message in str(caught.value)
