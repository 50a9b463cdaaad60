package resources

import (
	"strconv"
	"strings"
)

// maxTokens bounds what a client may know at once.
const maxTokens = 100

// consistencyToken says in a header field that there is a version of a resource.
// An event says the same, so who has one can make the token.
func consistencyToken(id ID, version int64) string {
	return id.String() + ":" + strconv.FormatInt(version, 10)
}

// atLeast reads, from a list of tokens, which version of a resource the client
// knows of; 0 if of none. It returns [ErrInvalidConsistency].
func atLeast(list string, of ID) (version int64, err error) {
	if list == "" {
		return 0, nil
	}
	tokens := strings.Split(list, ",")
	if len(tokens) > maxTokens {
		return 0, ErrInvalidConsistency
	}
	for _, token := range tokens {
		name, number, _ := strings.Cut(strings.TrimSpace(token), ":")
		id, err := ParseID(name)
		if err != nil {
			return 0, ErrInvalidConsistency.Because(err)
		}
		known, err := strconv.ParseUint(number, 10, 63)
		if err != nil || known == 0 {
			return 0, ErrInvalidConsistency.Because(err)
		}
		if id == of {
			version = max(version, int64(known))
		}
	}
	return version, nil
}
