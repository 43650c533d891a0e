// The camera: a live preview, and a picture of it.

const element = (id) => document.getElementById(id);

/** Let pictures be taken, where there is a camera that the page may use; `taken` gets each as a file. */
export function letPhotograph(preview, taken, failed) {
  const video = element("video");
  const devices = navigator.mediaDevices; // there are none on pages without HTTPS, but for those of one's own machine
  element("camera").hidden = !devices?.getUserMedia;

  function stop() {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    video.hidden = element("shoot").hidden = true;
  }

  element("camera").addEventListener("click", async () => {
    const wanted = { facingMode: "environment", width: { ideal: 2560 }, height: { ideal: 1440 } };
    try {
      const stream = await devices.getUserMedia({ video: wanted });
      stop();
      preview();
      video.srcObject = stream;
      video.hidden = element("shoot").hidden = false;
    } catch {
      failed();
    }
  });

  element("shoot").addEventListener("click", async () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    stop();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    taken(new File([blob], "camera.jpg", { type: "image/jpeg" }));
  });

  return stop;
}
