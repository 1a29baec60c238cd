package main

import (
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// step is a subtest without which those after it make no sense.
func step(t *testing.T, wd *world, name string, do func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, func(t *testing.T) {
		wd.t = t
		defer func(outer *testing.T) { wd.t = outer }(t)
		do(t)
	}) {
		t.FailNow()
	}
}

// TestWalk is a life with a second step, from the first login to the last.
func TestWalk(t *testing.T) {
	wd := newWorld(t)
	b, alice := wd.browser(), demoAccounts[0]
	var secret string
	var recovery []string

	step(t, wd, "without a second step a password is enough, but not for the secret", func(*testing.T) {
		b.ends(b.get("/account"), 200, "/login", `value="/account"`)
		b.ends(b.post("/login", "email", alice.Email, "password", "wrong"), 401, "/login", "Unknown e-mail or wrong password.")
		b.ends(b.password(alice, "/account"), 200, "/account", "off: a password is all that it takes")
		b.ends(b.get("/secret"), 401, "/secret", "Add one to your account")
	})
	step(t, wd, "MFA-02 MFA-08 an app is set up, opens the secret, and ends other sessions", func(t *testing.T) {
		other := wd.browser()
		other.ends(other.password(alice, "/account"), 200, "/account")
		secret, recovery = b.enable()
		page := b.ends(b.get("/account"), 200, "/account", "authenticator app", "10 left")
		if strings.Contains(page.body, recovery[0]) || strings.Contains(page.body, secret) {
			t.Error("the account page shows what is shown once")
		}
		b.ends(b.get("/secret"), 200, "/secret", "blue tin")
		other.ends(other.get("/account"), 200, "/login") // all other sessions have ended
	})
	var used string
	step(t, wd, "MFA-06 the password alone opens nothing, the code does, and leads where one wanted to go", func(*testing.T) {
		b.ends(b.post("/logout"), 200, "/")
		b.ends(b.password(alice, "/secret"), 200, "/login/factor", `name="code"`, `name="recovery_code"`)
		b.ends(b.get("/account"), 200, "/login")
		b.ends(b.post("/login/factor", "code", "000000"), 401, "/login/factor", `role="alert"`)
		used = wd.code(secret)
		b.ends(b.post("/login/factor", "code", used), 200, "/secret", "blue tin")
	})
	step(t, wd, "MFA-03 a code that was used is refused", func(*testing.T) {
		thief := wd.browser()
		thief.ends(thief.password(alice, ""), 200, "/login/factor")
		thief.ends(thief.post("/login/factor", "code", used), 401, "/login/factor", `role="alert"`)
		thief.ends(thief.get("/account"), 200, "/login")
	})
	step(t, wd, "MFA-06 a challenge is of its browser", func(*testing.T) {
		waiting, other := wd.browser(), wd.browser()
		waiting.ends(waiting.password(alice, ""), 200, "/login/factor")
		other.ends(other.post("/login/factor", "code", wd.code(secret)), 200, "/login")
	})
	step(t, wd, "MFA-09 a recovery code works once", func(*testing.T) {
		lost := wd.browser()
		lost.ends(lost.password(alice, "/account"), 200, "/login/factor")
		lost.ends(lost.post("/login/factor", "recovery_code", recovery[3]), 200, "/account", "recovery code, ", "9 left")
		again := wd.browser()
		again.ends(again.password(alice, "/account"), 200, "/login/factor")
		again.ends(again.post("/login/factor", "recovery_code", recovery[3]), 401, "/login/factor", `role="alert"`)
	})
	step(t, wd, "MFA-14 after 5 minutes the secret asks again, and leads back", func(*testing.T) {
		wd.pass(freshFor)
		page := b.ends(b.get("/secret"), 200, "/login/factor", "Is it still you?", `value="/secret"`)
		if strings.Contains(page.body, "blue tin") || strings.Contains(page.body, "trust_device") {
			b.t.Error(page.body)
		}
		b.ends(b.post("/login/factor", "code", "000000", "return_to", "/secret"), 401, "/login/factor", `role="alert"`, `value="/secret"`)
		b.ends(b.post("/login/factor", "code", wd.code(secret), "return_to", "/secret"), 200, "/secret", "blue tin")
		wd.pass(freshFor - time.Second)
		b.ends(b.get("/secret"), 200, "/secret", "blue tin")
	})
	step(t, wd, "MFA-13 a browser that is trusted is not asked, but for the secret", func(*testing.T) {
		b.ends(b.post("/logout"), 200, "/")
		b.ends(b.password(alice, "/account"), 200, "/login/factor", "trust_device")
		b.ends(b.post("/login/factor", "code", wd.code(secret), "trust_device", "true"), 200, "/account", "Browsers that are not asked")
		b.ends(b.post("/logout"), 200, "/")
		b.ends(b.password(alice, "/account"), 200, "/account")
		b.ends(b.get("/secret"), 200, "/login/factor")
		b.ends(b.post("/account/devices/forget"), 200, "/account", "No browser is trusted any more.")
		b.ends(b.post("/logout"), 200, "/")
		b.ends(b.password(alice, "/account"), 200, "/login/factor")
		b.ends(b.post("/login/factor", "code", wd.code(secret)), 200, "/account")
	})
	step(t, wd, "MFA-08 MFA-09 new recovery codes want a fresh proof and void the old", func(*testing.T) {
		wd.pass(16 * time.Minute)
		b.ends(b.post("/account/codes"), 200, "/login/factor", "Is it still you?")
		b.ends(b.post("/login/factor", "code", wd.code(secret), "return_to", "/account"), 200, "/account")
		b.ends(b.post("/account/codes"), 200, "/account/codes", "Your recovery codes")
		late := wd.browser()
		late.ends(late.password(alice, ""), 200, "/login/factor")
		late.ends(late.post("/login/factor", "recovery_code", recovery[5]), 401, "/login/factor")
	})
	step(t, wd, "MFA-08 the app is turned off by a code, and not without", func(*testing.T) {
		b.ends(b.post("/account/app/disable", "code", "000000"), 401, "/account/app/disable", `role="alert"`)
		b.ends(b.post("/account/app/disable", "code", wd.code(secret)), 200, "/account", "The authenticator app is off", "off: a password is all")
		b.ends(b.post("/logout"), 200, "/")
		b.ends(b.password(alice, "/account"), 200, "/account")
	})

	log := wd.log.String()
	for _, text := range append(recovery, secret, used, alice.Password) {
		if strings.Contains(log, text) {
			t.Errorf("%q is in the log", text)
		}
	}
	for _, want := range []string{"mfa.enabled", "mfa.challenged", "mfa.code_used", "mfa.disabled", `msg="mail to the user" about=mfa.enabled`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %q", want)
		}
	}
}

// MFA-05, MFA-10: guesses are counted for the user, over browsers, sign-ins and kinds.
func TestGuesses(t *testing.T) {
	wd := newWorld(t)
	b, bob := wd.browser(), demoAccounts[1]
	b.ends(b.password(bob, "/account"), 200, "/account")
	secret, recovery := b.enable()
	for range 5 {
		thief := wd.browser() // each time another browser, and a new sign-in
		thief.ends(thief.password(bob, ""), 200, "/login/factor")
		thief.ends(thief.post("/login/factor", "code", "000000"), 401, "/login/factor")
	}
	thief := wd.browser()
	thief.ends(thief.password(bob, ""), 200, "/login/factor")
	for _, fields := range [][]string{{"code", wd.code(secret)}, {"recovery_code", recovery[0]}} {
		thief.ends(thief.post("/login/factor", fields...), 429, "/login/factor", `role="alert"`)
	}
}

func TestCrossOrigin(t *testing.T) {
	wd := newWorld(t)
	b, carol := wd.browser(), demoAccounts[2]
	b.ends(b.password(carol, "/account"), 200, "/account")
	for _, path := range []string{
		"/login", "/logout", "/login/factor", "/account/app/enable", "/account/app/verify", "/account/app/disable", "/account/codes",
		"/account/devices/forget", "/passkeys/register/begin", "/passkeys/register/finish", "/passkeys/factor/begin", "/passkeys/login/finish",
	} {
		form := url.Values{"code": {"000000"}, "email": {demoAccounts[0].Email}, "password": {demoAccounts[0].Password}}
		if s := b.do("POST", path, form.Encode(), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); s.status != 403 {
			t.Errorf("%s: %d", path, s.status)
		}
	}
	b.ends(b.get("/account"), 200, "/account", carol.Email)
	b.ends(b.password(carol, "//evil.example"), 200, "/account")
}

// Every page keeps script and style of others out, and needs none within itself.
func TestPolicy(t *testing.T) {
	wd := newWorld(t)
	b := wd.browser()
	b.password(demoAccounts[2], "/account")
	secret, _ := b.enable()
	for _, path := range []string{"/", "/login", "/account", "/secret", "/login/factor", "/account/app/enable", "/nothing"} {
		s := b.get(path)
		if path == "/account/app/enable" {
			s = b.post(path)
		}
		csp := s.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %q", path, csp)
		}
		for _, inline := range []string{"<style", "style=", "onclick", "<script>", "javascript:"} {
			if strings.Contains(s.body, inline) {
				t.Errorf("%s has %s", path, inline)
			}
		}
		if strings.Contains(s.body, secret) {
			t.Errorf("%s shows the secret", path)
		}
	}
	for _, path := range []string{"/passkey.js", "/passkeys-page.js", "/style.css"} {
		b.ends(b.get(path), 200, path)
	}
}

// The program says in words what is wrong with how it was started.
func TestProgram(t *testing.T) {
	bin := t.TempDir() + "/mfa"
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), bin, "-addr", "nowhere").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "mfa: ") {
		t.Errorf("%v %s", err, out)
	}
}
