"""An authority for tests, made by openssl: it signs certificates for servers and for clients."""

import subprocess


def openssl(*arguments, **options):
    """Standard output and error of the tool; it must succeed."""
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


class Authority:
    """Its certificate is `ca.pem` in the folder; `issue` makes NAME.pem and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "ca.pem"
        self._key("ca")
        openssl("req", "-x509", "-key", str(folder / "ca.key"), "-out", str(self.certificate), "-days", "30",
                "-subj", f"/CN=authority {folder.name}")

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", str(self.folder / f"{name}.key"))

    def issue(self, name, *names, days=30):
        """(certificate, key) as paths; valid for these names, or 127.0.0.1 and localhost."""
        self._key(name)
        subject = ",".join(f"DNS:{one}" for one in names) or "DNS:localhost,IP:127.0.0.1"
        request, certificate, key = (self.folder / f"{name}.{ending}" for ending in ("csr", "pem", "key"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={subject}\n", encoding="ascii")
        openssl("req", "-new", "-key", str(key), "-out", str(request), "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey",
                str(self.folder / "ca.key"), "-CAcreateserial", "-days", str(days), "-out", str(certificate),
                "-extfile", str(extensions))
        return certificate, key

    def config(self, name="server"):
        """A [tls] table with a certificate that was issued."""
        return (f'[tls]\ncertificate = "{self.folder / (name + ".pem")}"\n'
                f'private_key = "{self.folder / (name + ".key")}"\n')
