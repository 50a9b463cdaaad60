package sessions

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
)

// item is a session in the answer to a list.
type item struct {
	ID       string    `json:"id"`
	ClientID string    `json:"client_id"`
	Device   string    `json:"device"`
	Created  time.Time `json:"created_at"`
	LastUsed time.Time `json:"last_used_at"`
	Current  bool      `json:"current"` // it is the one that asks
}

type list struct {
	Items []item  `json:"items"`
	Next  *string `json:"next_cursor"`
}

func (h handlers) list(c *fiber.Ctx) error {
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	cursor := ""
	bad := ErrParameter
	c.Request().URI().QueryArgs().VisitAll(func(key, value []byte) {
		if string(key) != "cursor" || cursor != "" {
			bad = bad.At(string(key), "is no parameter of this list, or is given twice")
		}
		cursor = string(value)
	})
	if len(bad.Violations) > 0 {
		return bad
	}
	sessions, next, err := h.store.List(c.UserContext(), p.Subject, cursor)
	if err != nil {
		return err
	}
	answer := list{Items: make([]item, len(sessions))}
	if next != "" {
		answer.Next = &next
	}
	for i, s := range sessions {
		answer.Items[i] = item{
			ID: s.ID.String(), ClientID: s.ClientID, Device: s.Device, Created: s.Created.UTC().Truncate(time.Millisecond), LastUsed: s.LastUsed.UTC(),
			Current: s.ID.String() == p.SessionID,
		}
	}
	return send(c, answer)
}
