package users

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/unicode/norm"

	"tandem.example/pkg/fault"
)

// What is wrong with a request; the place is told with it.
var (
	errLogin    = fault.New(fault.Invalid, "invalid_body", "must have 1 to 254 characters, all of them visible ones or spaces")
	errPassword = fault.New(fault.Invalid, "invalid_body", "must have 8 to 128 characters")
	errRoles    = fault.New(fault.Invalid, "invalid_body", "must be at most 32 names of letters, digits and . _ : -")
)

// ParseLogin gives the one form in which a login name is kept and compared.
func ParseLogin(s string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(s))
	if !utf8.ValidString(s) || name == "" || utf8.RuneCountInString(name) > 254 || strings.ContainsFunc(name, unseen) {
		return "", errLogin
	}
	return name, nil
}

// unseen signs would let one name look like another: controls, formats, and the
// separators of lines and paragraphs.
func unseen(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

const (
	minPassword, maxPassword = 8, 128
	maxBytes                 = 4096 // more are not looked at: some letters are made of many
)

// passwordFits: any characters, but a length that a person would choose and
// argon2id takes in stride. They are counted as they are hashed.
func passwordFits(s string) bool {
	if len(s) > maxBytes || !utf8.ValidString(s) {
		return false
	}
	n := utf8.RuneCountInString(norm.NFC.String(s))
	return n >= minPassword && n <= maxPassword
}

// Login is a well-formed login name.
type Login string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *Login) UnmarshalText(text []byte) error {
	name, err := ParseLogin(string(text))
	*l = Login(name)
	return err
}

// Password is one that may be chosen, if it is not a common one. It is printed
// nowhere.
type Password struct{ text string }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Password) UnmarshalText(text []byte) error {
	if !passwordFits(string(text)) {
		return errPassword
	}
	p.text = string(text)
	return nil
}

// String implements [fmt.Stringer].
func (Password) String() string { return "[redacted]" }

// GoString implements [fmt.GoStringer].
func (p Password) GoString() string { return p.String() }

// Roles are well-formed names, sorted and each of them once.
type Roles []string

var roleForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Roles) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return errRoles
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) > 32 || slices.ContainsFunc(list, func(name string) bool { return !roleForm.MatchString(name) }) {
		return errRoles
	}
	*r = list
	return nil
}
