"""What may be served, found by family and key, and read when it is asked for."""

from dataclasses import replace
from hashlib import sha256

import pytest
from guarded_samples import BODY, FACTS
from made_rows import artifact_of

from megacache.compiler.guarded_code import encode
from megacache.compiler.shelf import Shelf
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.model import GUARDED_CODE


def artifact(content, key, artifact_type=GUARDED_CODE):
    return artifact_of(content, key, artifact_type=artifact_type)


class Read(dict):
    """Contents by digest; counts what is read."""

    def __init__(self, *contents):
        super().__init__({sha256(each).hexdigest(): each for each in contents})
        self.asked = []

    def __call__(self, digest):
        self.asked.append(digest)
        if digest not in self:
            raise ArtifactNotFoundError("it is not there")
        if self[digest] == b"damaged":
            raise CorruptBundleError("it is damaged")
        return self[digest]


def test_an_empty_shelf_serves_nothing():
    shelf = Shelf()
    assert shelf.is_empty
    assert shelf.variants("m:f@0123456789abcdef") == shelf.families_at("m:f") == ()
    assert list(shelf.contents("inductor", "k")) == []
    assert shelf.is_empty  # asking puts nothing on it


def test_graphs_alone_are_nothing_to_serve():
    shelf = Shelf()
    shelf.put([artifact(b"graph", "k", "inductor")], Read(b"graph"))
    assert shelf.is_empty
    assert [content for _, content in shelf.contents("inductor", "k")] == [b"graph"]


def test_nothing_is_read_before_it_is_asked_for():
    content = encode(FACTS, BODY)
    read, shelf = Read(content), Shelf()
    shelf.put([artifact(content, FACTS.key)], read)
    (variant,) = shelf.variants("m:f@0123456789abcdef")
    assert read.asked == []
    assert variant.facts == FACTS
    assert variant.body == BODY
    assert variant.facts is variant.facts
    assert len(read.asked) == 1


def test_variants_keep_the_order_in_which_they_came():
    variants = [replace(FACTS, proofs=(str(number),)) for number in range(5)]
    contents = [encode(each, BODY) for each in variants]
    shelf = Shelf()
    shelf.put([artifact(each, kind.key) for each, kind in zip(contents, variants, strict=True)], Read(*contents))
    assert [each.facts.proofs for each in shelf.variants("m:f@0123456789abcdef")] == [(str(each),) for each in range(5)]


def test_an_edited_function_is_found_by_its_name():
    variants = [replace(FACTS, digest=digit * 64) for digit in "ab"]
    contents = [encode(each, BODY) for each in variants]
    shelf = Shelf()
    shelf.put([artifact(each, kind.key) for each, kind in zip(contents, variants, strict=True)], Read(*contents))
    assert shelf.families_at("m:f") == ("m:f@" + "a" * 16, "m:f@" + "b" * 16)
    assert shelf.families_at("m") == ()


def test_of_one_key_all_contents_are_variants_the_newest_first():
    contents = [encode(FACTS, replace(BODY, guards=guards)) for guards in (b"old", b"new")]
    other = replace(FACTS, proofs=("other",))
    contents.append(encode(other, BODY))
    shelf = Shelf()
    for content, facts in zip(contents, (FACTS, FACTS, other), strict=True):
        shelf.put([artifact(content, facts.key)], Read(*contents))
    variants = shelf.variants("m:f@0123456789abcdef")
    assert [(each.key, each.body.guards) for each in variants] == [
        (FACTS.key, b"new"),
        (FACTS.key, b"old"),
        (other.key, BODY.guards),
    ]
    assert len(list(shelf.contents(GUARDED_CODE, FACTS.key))) == 2


def test_a_content_that_comes_again_is_the_newest_and_there_once():
    contents = [encode(FACTS, replace(BODY, guards=guards)) for guards in (b"one", b"other")]
    shelf = Shelf()
    for content in (*contents, contents[0]):
        shelf.put([artifact(content, FACTS.key)], Read(*contents))
    assert [each.body.guards for each in shelf.variants("m:f@0123456789abcdef")] == [b"one", b"other"]


def test_damage_of_the_newest_content_leaves_the_one_before():
    good = encode(FACTS, BODY)
    shelf = Shelf()
    shelf.put([artifact(good, FACTS.key), artifact(b"damaged", FACTS.key)], Read(good, b"damaged"))
    damaged, readable = shelf.variants("m:f@0123456789abcdef")
    with pytest.raises(CorruptBundleError):
        _ = damaged.facts
    assert readable.facts == FACTS


def test_a_missing_or_damaged_content_is_said_where_one_is_asked_for_and_passed_over_where_any_will_do():
    good = encode(FACTS, BODY)
    read = Read(b"good", b"damaged", b"damaged code")
    shelf = Shelf()
    shelf.put([artifact(each, "k", "inductor") for each in (b"gone", b"damaged", b"good")], read)
    shelf.put([artifact(good, FACTS.key)], read)
    assert [content for _, content in shelf.contents("inductor", "k")] == [b"good"]
    (variant,) = shelf.variants("m:f@0123456789abcdef")
    with pytest.raises(ArtifactNotFoundError):
        _ = variant.facts
    with pytest.raises(ArtifactNotFoundError):
        _ = variant.body
