// Package common knows the passwords that guessers try first.
//
// It promises to recognise the most common passwords in whatever case, letter
// shapes and "l33t" spelling, with the few digits or signs that people put before
// or behind a word; repetitions and rows of keys; and words from where the
// password is used. What it does not recognise is not thereby strong.
package common

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// words are more than 20,000 common passwords, names and English words, folded,
// sorted, one a line; more than 6,000 of them have at least 8 letters. NOTICE says
// where they come from.
//
//go:embed words.txt.gz
var words []byte

const (
	minWord = 4 // a shorter one is no reason to refuse what is around it
	few     = 5 // signs around a word, such as a year and a mark, are tried with it
)

// List is the passwords. It is immutable.
type List struct{ words []string }

// New unpacks the list.
func New() (*List, error) {
	unpack, err := gzip.NewReader(bytes.NewReader(words))
	if err != nil {
		return nil, fmt.Errorf("common passwords: %w", err)
	}
	text, err := io.ReadAll(unpack)
	if err != nil {
		return nil, fmt.Errorf("common passwords: %w", err)
	}
	return &List{strings.Fields(string(text))}, nil
}

// Has tells whether a password is one that guessers try first. Context is what
// they know of the account: its login name, the name of the product.
func (l *List) Has(password string, context ...string) bool {
	s := Fold(password)
	g := guess{l.words, partsOf(context)}
	if g.word(s) || inRow(s) {
		return true
	}
	unit, times := period(s)
	if times > 1 && (utf8.RuneCountInString(unit) <= few || g.word(unit) || inRow(unit)) {
		return true
	}
	for _, plain := range [...]string{s, unleet(s, "i"), unleet(s, "l")} {
		if g.decorated(s, plain) {
			return true
		}
	}
	return false
}

// Fold gives the one form in which passwords are compared with the list.
func Fold(s string) string { return norm.NFKC.String(strings.ToLower(norm.NFKC.String(s))) }

// guess is what one account's password is compared with.
type guess struct{ words, context []string }

func (g guess) word(s string) bool {
	_, found := slices.BinarySearch(g.words, s)
	return found || slices.Contains(g.context, s)
}

// decorated tells whether s is a word between signs that add little. Plain is s
// with its digits and signs taken for the letters that they look like.
func (g guess) decorated(s, plain string) bool {
	from, to := span(s)
	if word := plain[from:to]; utf8.RuneCountInString(word) < minWord || !g.word(word) {
		return false
	}
	return g.little(s[:from]) && g.little(s[to:])
}

func (g guess) little(signs string) bool {
	return utf8.RuneCountInString(signs) <= few || g.word(signs) || inRow(signs)
}

// span is from the first to the last letter.
func span(s string) (from, to int) {
	from, to = strings.IndexFunc(s, unicode.IsLetter), strings.LastIndexFunc(s, unicode.IsLetter)
	if from < 0 {
		return 0, 0
	}
	_, size := utf8.DecodeRuneInString(s[to:])
	return from, to + size
}

// partsOf gives the words in what is known of an account: as it stands, what is
// before the @, and their parts apart and together.
func partsOf(context []string) []string {
	var parts []string
	for _, text := range context {
		text = Fold(text)
		local, _, _ := strings.Cut(text, "@")
		pieces := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		names := strings.FieldsFunc(local, func(r rune) bool { return !unicode.IsLetter(r) })
		parts = append(parts, text, local, strings.Join(names, ""))
		parts = append(append(parts, pieces...), names...)
	}
	return slices.DeleteFunc(parts, func(s string) bool { return utf8.RuneCountInString(s) < minWord })
}
