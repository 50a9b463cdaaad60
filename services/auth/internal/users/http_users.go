package users

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
	"tandem.example/services/auth/internal/audit"
)

// reception lets administrators register users, and everybody else where that is
// wanted. Whoever shows a token is held to it.
func (h handlers) reception(cfg Config, admin fiber.Handler, limiter *ratelimit.Limiter) fiber.Handler {
	if cfg.Registration != registrationOpen {
		return admin
	}
	stranger := limiter.PerAddress(ratelimit.Limit{Name: "registration", Rate: cfg.Register})
	return func(c *fiber.Ctx) error {
		if len(c.Request().Header.Peek(fiber.HeaderAuthorization)) > 0 {
			return admin(c)
		}
		err := stranger(c)
		if errors.Is(err, ratelimit.ErrExceeded) {
			return h.directory.note(c.UserContext(), audit.Event{Type: audit.UserCreate}, err)
		}
		return err
	}
}

// account is a user as administrators see it.
type account struct {
	ID       string   `json:"id"`
	Login    string   `json:"login"`
	Roles    []string `json:"roles"`
	Disabled bool     `json:"disabled"`
	Created  string   `json:"created_at"`
}

func accountOf(u *User) account {
	return account{u.ID, u.Login, list(u.Roles), u.Disabled, u.Created.UTC().Format(time.RFC3339)}
}

type registration struct {
	Login    Login    `json:"login"`
	Password Password `json:"password"`
	Roles    Roles    `json:"roles"` // given by administrators
}

func (h handlers) register(c *fiber.Ctx) error {
	wish, err := httpserver.Decode[registration](c)
	if err != nil {
		return err
	}
	switch { // of members that are absent
	case wish.Login == "":
		return errLogin.At("/login", errLogin.Detail)
	case wish.Password.text == "":
		return errPassword.At("/password", errPassword.Detail)
	}
	actor := ""
	if p, err := bearer.From(c.UserContext()); err == nil {
		actor = p.Subject
	} else if len(wish.Roles) > 0 {
		return errRoles.Detailf("only administrators give roles").At("/roles", "must be empty")
	}
	u, err := h.directory.Register(c.UserContext(), actor, wish.Login, wish.Password, wish.Roles)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderLocation, "/v1/users/"+u.ID)
	return httpserver.Send(c, fiber.StatusCreated, accountOf(&u))
}

type page struct {
	Items []account `json:"items"`
	Next  *string   `json:"next_cursor"`
}

func (h handlers) list(c *fiber.Ctx) error {
	given, err := httpserver.Query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := httpserver.Limit(given, 50, 200)
	if err != nil {
		return err
	}
	after := given["cursor"]
	if after == "" {
		after = uuid.Nil.String()
	}
	if uuid.Validate(after) != nil || len(after) != 36 {
		return httpserver.ErrParameter.At("cursor", "is not the next_cursor of a page")
	}
	found, err := h.directory.List(c.UserContext(), after, limit+1)
	if err != nil {
		return err
	}
	answer := page{Items: []account{}}
	if len(found) > limit {
		found = found[:limit]
		answer.Next = &found[limit-1].ID
	}
	for i := range found {
		answer.Items = append(answer.Items, accountOf(&found[i]))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, answer)
}

func (h handlers) find(c *fiber.Ctx) error {
	u, err := h.directory.Find(c.UserContext(), utils.CopyString(c.Params("id")))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, accountOf(&u))
}

// changed is a user after a change, and how many sessions ended with it.
type changed struct {
	account

	Revoked int64 `json:"revoked"`
}

func (h handlers) update(c *fiber.Ctx) error {
	wish, err := httpserver.Decode[struct {
		Disabled *bool  `json:"disabled"`
		Roles    *Roles `json:"roles"`
	}](c)
	if err != nil {
		return err
	}
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	u, n, err := h.directory.Update(c.UserContext(), p.Subject, utils.CopyString(c.Params("id")), Change(wish))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, changed{accountOf(&u), n})
}

// revoked is how many sessions a change of the password has ended.
type revoked struct {
	Count int64 `json:"revoked"`
}

func (h handlers) resetPassword(c *fiber.Ctx) error {
	wish, err := httpserver.Decode[struct {
		Password Password `json:"password"`
	}](c)
	if err != nil {
		return err
	}
	if wish.Password.text == "" {
		return errPassword.At("/password", errPassword.Detail)
	}
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	n, err := h.directory.ResetPassword(c.UserContext(), p.Subject, utils.CopyString(c.Params("id")), wish.Password)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, revoked{n})
}

func (h handlers) changePassword(c *fiber.Ctx) error {
	wish, err := httpserver.Decode[struct {
		Current env.Secret `json:"current_password"`
		New     Password   `json:"new_password"`
	}](c)
	if err != nil {
		return err
	}
	if wish.New.text == "" {
		return errPassword.At("/new_password", errPassword.Detail)
	}
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	n, err := h.directory.ChangePassword(c.UserContext(), p.Subject, p.SessionID, wish.Current.Reveal(), wish.New)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, revoked{n})
}
